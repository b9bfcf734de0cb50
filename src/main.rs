//! The `policylayer` program: parse, run, report, exit code.

fn main() {
    // `ExitCode` holds 8 bits, and a server on Windows ends with 32. `exit` flushes stdout as a return would.
    std::process::exit(policylayer::program::run().exit_code())
}
