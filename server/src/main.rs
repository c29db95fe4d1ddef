//! `fil-server`: see [`fil_server::cli`].

fn main() -> std::process::ExitCode {
    fil_server::cli::main()
}
