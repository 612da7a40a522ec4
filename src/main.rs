//! The `portcullis` program.

/// A third of an import went into glibc's: sled makes a page's contents anew for every change of one, and drops them elsewhere.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    portcullis::cli::main()
}
