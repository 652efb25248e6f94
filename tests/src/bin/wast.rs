//! The host side of the script runner; see [`wamr_tests::wast`].

fn main() -> std::process::ExitCode {
    wamr_tests::wast::cli::main()
}
