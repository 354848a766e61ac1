FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# The dependencies are a layer of their own: it is rebuilt when Cargo.toml or Cargo.lock changes, not
# when our source does. A crate with nothing in it stands in for ours.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked \
    && rm -r src

COPY src src
# `ampgate schema` explains the keys in its words.
COPY config/ampgate.example.yaml config/
# Cargo goes by modification times, and COPY keeps those of the checkout.
RUN touch src/main.rs src/lib.rs && cargo build --release --locked

FROM debian:bookworm-slim
# No version: Cargo.toml has it, and `ampgate --version` says it.
LABEL org.opencontainers.image.title="ampgate" \
    org.opencontainers.image.description="One gateway for Amp and every coding agent your team runs" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /build/target/release/ampgate /usr/local/bin/ampgate
USER 65532:65532
# A container's own loopback is not reachable from outside it. Without client keys the gateway
# refuses to listen here.
ENV AMPGATE__HOST=0.0.0.0 \
    AMPGATE__PORT=8317
EXPOSE 8317
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["ampgate", "probe"]
ENTRYPOINT ["ampgate"]
CMD ["serve"]
