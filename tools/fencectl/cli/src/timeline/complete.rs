// SPDX-License-Identifier: GPL-2.0

//! Completion of commands at the prompt, from the definition of the commands.

use crate::cli::RequestLine;
use clap::CommandFactory;
use fence_exporter::Status;
use rustyline::{
    completion::{Completer, FilenameCompleter, Pair},
    highlight::Highlighter,
    hint::Hinter,
    validate::Validator,
    Context, Helper,
};

/// The state of a session, as far as completion depends on it.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The commands that the session's timeline does not take.
    pub refused: &'static [&'static str],
    /// The session's fences: `#2`, or the descriptor of a merged fence.
    pub fences: Vec<String>,
}

/// The helper of the line editor: completes commands, fences and files.
pub struct Assistant {
    files: FilenameCompleter,
    known: Known,
}

impl Assistant {
    /// Updates the state of the session.
    pub fn tell(&mut self, known: Known) {
        self.known = known;
    }
}

impl Default for Assistant {
    fn default() -> Self {
        Self {
            files: FilenameCompleter::new(),
            known: Known::default(),
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
        // In a list of fences, a comma separates two words.
        let is_between = |c: char| c.is_whitespace() || c == ',';
        let start = before.rfind(is_between).map_or(0, |at| at + 1);
        let words = candidates(before[..start].trim(), &before[start..], &self.known);
        let pairs = words.into_iter().map(|word| Pair {
            display: word.clone(),
            replacement: word + " ",
        });
        Ok((start, pairs.collect()))
    }
}

/// Commands that take a fence as an argument.
const TAKE_FENCE: [&str; 5] = ["wait", "show", "deadline", "merge", "close"];
/// Commands that take a sequence number as an argument.
const TAKE_SEQNO: [&str; 4] = ["signal", "at", "cancel", "export"];

/// Returns the words that can follow `before` in a command line and that begin with `prefix`.
fn candidates(before: &str, prefix: &str, known: &Known) -> Vec<String> {
    let definition = RequestLine::command();
    let commands = || {
        definition
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
    };
    let mut said = before.split_whitespace();
    let numbers = || known.fences.iter().filter(|name| name.starts_with('#'));
    let mut words: Vec<String> = match (said.next(), said.last()) {
        (None, _) => commands()
            .filter(|name| !known.refused.contains(&name.as_str()))
            .chain(["help".to_owned()])
            .collect(),
        (Some("help"), _) => commands().collect(),
        (Some(_), Some("--status")) => Status::error_names().chain(["ok".to_owned()]).collect(),
        (Some(_), Some("--expect")) => Status::error_names()
            .chain(["signaled", "pending"].map(str::to_owned))
            .collect(),
        (Some("submit"), Some(last)) if last.starts_with("--in") || last.ends_with(',') => {
            known.fences.clone()
        }
        (Some(name), _) => {
            let mut words: Vec<_> = definition
                .find_subcommand(name)
                .into_iter()
                .flat_map(|command| command.get_arguments())
                .filter_map(|argument| argument.get_long())
                .filter(|long| *long != "help")
                .map(|long| format!("--{long}"))
                .collect();
            if matches!(name, "signal" | "at") {
                words.extend(["all", "next"].map(str::to_owned));
            }
            if TAKE_FENCE.contains(&name) {
                words.extend(known.fences.iter().cloned());
            } else if TAKE_SEQNO.contains(&name) {
                words.extend(numbers().cloned());
            }
            words
        }
    };
    words.retain(|word| word.starts_with(prefix));
    words.sort();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(before: &str, prefix: &str) -> Vec<String> {
        let known = Known {
            refused: &["signal", "create"],
            fences: ["#1", "#2", "7"].map(str::to_owned).to_vec(),
        };
        candidates(before, prefix, &known)
    }

    #[test]
    fn of_commands_and_options() {
        let usual = Known::default();
        assert_eq!(
            candidates("", "s", &usual),
            ["show", "signal", "sleep", "submit"]
        );
        assert_eq!(of("submit 5ms", "--"), ["--in", "--status"]);
        assert_eq!(of("signal", "a"), ["all"]);
        assert!(of("", "zz").is_empty());
        assert!(of("nonsense", "").is_empty());
    }

    #[test]
    fn what_the_timeline_does_not_take_is_not_offered() {
        assert_eq!(of("", "s"), ["show", "sleep", "submit"]);
        // `help` has a text for every command, so it completes refused commands as well.
        assert!(of("help", "si").contains(&"signal".to_owned()));
    }

    #[test]
    fn of_fences_and_errors() {
        assert_eq!(of("wait", "#"), ["#1", "#2"]);
        assert_eq!(of("merge #1", "7"), ["7"]);
        assert_eq!(of("at 5ms", "#2"), ["#2"]);
        // 7 is the descriptor of a merged fence, and `signal` takes no descriptor.
        assert!(of("signal", "7").is_empty());
        assert_eq!(of("submit 5ms --in", ""), ["#1", "#2", "7"]);
        assert_eq!(of("submit 5ms --in 7,", "#"), ["#1", "#2"]);
        assert_eq!(of("signal --status", "EIO"), ["EIO"]);
        assert!(of("signal --status", "").contains(&"ENODEV".to_owned()));
        assert_eq!(of("wait 7 --expect", "p"), ["pending"]);
    }
}
