# The same commands that .ci/run calls, one by one.

# Everything that must be green before a push.
check: format lint test docs

format:
    cargo fmt --all --check

lint:
    cargo clippy --all-targets --locked -- -D warnings

test:
    cargo test --locked

docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

# Licences, advisories and duplicate versions; needs cargo-deny.
deny:
    cargo deny check

# The real clients: SDKs and Amp's own. Installs them into a cache outside the tree.
clients:
    tests/clients/run

# Deployment files against their tools, each other and the gateway.
deployment:
    deploy/check

# The status page in Chromium; `--update` puts new pictures into docs/.
page *arguments:
    tests/page/run {{arguments}}

# Instructions of one request, held to benches/instructions.toml; needs valgrind.
count:
    benches/count

# Every fuzz target for a minute, or as its arguments say; needs a C++ compiler.
fuzz *arguments:
    fuzz/run {{arguments}}

# Times of the pieces: where to look when the count has moved.
bench:
    cargo bench --locked --profile count --bench hot_path

# Beside nginx, on a quiet machine with two cores: ten minutes, and a table.
compare *arguments:
    benches/compare {{arguments}}

# Everything at once for an hour: does anything grow? A table, and a plot in target/soak.
soak *arguments:
    benches/soak {{arguments}}
