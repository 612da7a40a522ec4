//! Passwords, from a prompt or from standard input: a command line can be read by every user of the machine.

use std::io::{self, IsTerminal as _, Read as _};

use anyhow::{Context as _, bail};
use zeroize::Zeroizing;

/// Longer than any password, so that a wrong file does not fill the memory.
const LIMIT: u64 = 64 * 1024;

/// Asks on the terminal, twice if it is to be stored, or reads standard input.
pub(super) fn obtain(from_stdin: bool, confirm: bool) -> anyhow::Result<Zeroizing<String>> {
    if from_stdin {
        return first_line(io::stdin().lock());
    }
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to ask for the password: give it with --password-stdin");
    }
    let password = ask("Password: ")?;
    if confirm && password != ask("Again: ")? {
        bail!("the two passwords differ");
    }
    Ok(password)
}

fn ask(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .context("cannot read the password from the terminal")
}

/// The input without its line end, so that `echo` and `printf` give the same.
fn first_line(input: impl io::Read) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    input
        .take(LIMIT + 1)
        .read_to_string(&mut text)
        .context("cannot read the password from standard input")?;
    if text.len() as u64 > LIMIT {
        bail!("the password on standard input is longer than {LIMIT} bytes");
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains('\n') {
        bail!("standard input holds more than one line; a password is one");
    }
    Ok(Zeroizing::new(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::first_line;

    #[test]
    fn the_line_end_is_no_part_of_a_password() {
        for input in ["secret", "secret\n", "secret\r\n"] {
            assert_eq!(first_line(input.as_bytes()).unwrap().as_str(), "secret");
        }
        assert_eq!(first_line(" a b \n".as_bytes()).unwrap().as_str(), " a b ");
    }

    #[test]
    fn a_file_of_many_lines_is_no_password() {
        assert!(first_line("one\ntwo\n".as_bytes()).is_err());
    }
}
