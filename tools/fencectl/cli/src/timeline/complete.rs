// SPDX-License-Identifier: GPL-2.0

//! Completion of commands, from their definition.

use crate::cli::RequestLine;
use clap::CommandFactory;
use rustyline::{
    completion::{Completer, FilenameCompleter, Pair},
    highlight::Highlighter,
    hint::Hinter,
    validate::Validator,
    Context, Helper,
};

/// What helps a person at the prompt.
pub struct Assistant {
    files: FilenameCompleter,
}

impl Default for Assistant {
    fn default() -> Self {
        Self {
            files: FilenameCompleter::new(),
        }
    }
}

impl Helper for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Highlighter for Assistant {}

impl Validator for Assistant {}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..pos];
        if before.trim_start().starts_with("run ") {
            return self.files.complete(line, pos, context);
        }
        let start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let words = candidates(before[..start].trim(), &before[start..]);
        let pairs = words.into_iter().map(|word| Pair {
            display: word.clone(),
            replacement: word + " ",
        });
        Ok((start, pairs.collect()))
    }
}

/// What can stand behind `before` and begins with `prefix`.
fn candidates(before: &str, prefix: &str) -> Vec<String> {
    let definition = RequestLine::command();
    let mut words: Vec<String> = match before.split_whitespace().next() {
        None => definition
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
            .chain(["help".to_owned()])
            .collect(),
        Some("help") => definition
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
            .collect(),
        Some(name) => definition
            .find_subcommand(name)
            .into_iter()
            .flat_map(|command| command.get_arguments())
            .filter_map(|argument| argument.get_long())
            .filter(|long| *long != "help")
            .map(|long| format!("--{long}"))
            .chain(
                matches!(name, "signal" | "at")
                    .then(|| ["all", "next"])
                    .into_iter()
                    .flatten()
                    .map(str::to_owned),
            )
            .collect(),
    };
    words.retain(|word| word.starts_with(prefix));
    words.sort();
    words
}

#[cfg(test)]
mod tests {
    use super::candidates;

    #[test]
    fn of_commands_and_options() {
        assert_eq!(candidates("", "s"), ["signal", "sleep", "submit"]);
        assert_eq!(candidates("submit 5ms", "--"), ["--in", "--status"]);
        assert_eq!(candidates("signal", "a"), ["all"]);
        assert!(candidates("", "zz").is_empty());
        assert!(candidates("nonsense", "").is_empty());
    }
}
