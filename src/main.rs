//! The `ampgate` program; everything it does lives in the library.

use std::process::ExitCode;

/// Measured against glibc's: up to 9 % less CPU for each request (docs/decisions/0005).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ampgate::cli::run()
}
