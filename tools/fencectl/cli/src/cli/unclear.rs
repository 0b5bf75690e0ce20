// SPDX-License-Identifier: GPL-2.0

//! Converts the parser's error for a command line, or for a command at the prompt, into an
//! [`Error`].

use fence_exporter::Error;

/// Returns the error for `line`, from the parser's `error`. The remedy is the parser's tip, if
/// there is one, and `help`, which says where to find help.
pub fn unclear(line: &str, error: &clap::Error, help: &str) -> Error {
    let text = error.to_string();
    let mut cause = String::new();
    let mut remedy = String::new();
    // The parser's text has a paragraph for what is wrong, for each tip, for the usage, and for
    // where to find help.
    for paragraph in text.split("\n\n") {
        let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if cause.is_empty() {
            cause = paragraph.trim_start_matches("error: ").to_owned();
        } else if remedy.is_empty() {
            remedy = paragraph
                .strip_prefix("tip: ")
                .unwrap_or_default()
                .to_owned();
        }
    }
    let remedy = match remedy.as_str() {
        "" => help.to_owned(),
        tip => format!("{tip}; {help}"),
    };
    Error::usage(format!("cannot understand \"{}\"", line.trim()), cause).remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, RequestLine};
    use clap::Parser;

    fn of_request(line: &str) -> Error {
        let error = RequestLine::try_parse_from(line.split(' ')).unwrap_err();
        unclear(line, &error, "help")
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = of_request("submit");
        assert_eq!(
            error.cause,
            "the following required arguments were not provided: <DURATION>"
        );
        assert_eq!(error.what, "cannot understand \"submit\"");
    }

    #[test]
    fn a_tip_is_part_of_the_remedy() {
        let error = of_request("creat");
        assert_eq!(error.cause, "unrecognized subcommand 'creat'");
        assert!(error.remedy.contains("'create'"), "{}", error.remedy);
        assert!(error.remedy.ends_with("; help"), "{}", error.remedy);
    }

    #[test]
    fn no_message_has_several_lines() {
        for line in [
            "wait",
            "wait 4 fast",
            "signal --status EFOO",
            "deadline 4",
            "create 1 2",
        ] {
            let error = of_request(line);
            let all = [error.what, error.cause, error.remedy].concat();
            assert!(!all.contains('\n'), "{all}");
        }
        let error = Cli::try_parse_from(["fencectl", "trace"]).unwrap_err();
        let error = unclear("fencectl trace", &error, "help");
        assert!(error.cause.ends_with("<COMMAND>..."), "{}", error.cause);
    }
}
