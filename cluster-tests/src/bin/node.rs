//! The `portcullis` program, built here so that Cargo tells the tests where it is.

fn main() -> std::process::ExitCode {
    portcullis::cli::main()
}
