// SPDX-License-Identifier: GPL-2.0

//! The descriptions of the keys in a scenario's file, for `fencectl help scenario` and the man page
//! fencectl-scenario(5).

use std::fmt::Write;

/// The name of a key, as messages show it, and the description of the key.
type Key = (&'static str, &'static str);

const KEYS: [(&str, &[Key]); 3] = [
    (
        "Of the whole:",
        &[
            ("title", "the title of the scenario"),
            ("frames", "how many frames are played (1)"),
            ("period", "the time from one frame to the next"),
        ],
    ),
    (
        "Of each [engine.NAME]:",
        &[
            ("timeout", "the timeout of its jobs (1s)"),
            (
                "vblank",
                "the engine is a display, and this is the time between two vblanks. At each vblank it shows \
                 at most one job: the next one, if all that this job waits for has signaled",
            ),
        ],
    ),
    (
        "Of each [[job]], which is submitted in each frame:",
        &[
            ("name", "the name, by which other jobs refer to it"),
            ("engine", "the engine that runs the job"),
            (
                "at",
                "when the job is submitted, from the beginning of its frame (0)",
            ),
            (
                "duration",
                "how long the job takes; of a list, each frame takes the next one; not on a display",
            ),
            (
                "after",
                "the jobs that this job waits for: NAME is a job of the same frame, NAME@-N a job of N \
                 frames before. If some of them fail, this job ends with the error of the first of these",
            ),
            (
                "after_ended",
                "like after, but without taking over errors; after and after_ended name up to 16 jobs \
                 together",
            ),
            (
                "status",
                "the status that the job ends with: ok (the default), EIO, ...; of a list, each frame takes \
                 the next one",
            ),
            (
                "deadline",
                "by when the job is to end, from the beginning of its frame",
            ),
            (
                "expect.missed",
                "how many deadlines of the job are missed: 3, or 2 to 4 as [2, 4]",
            ),
            ("expect.missed_in", "frames that miss the deadline, counted from 1: [4, 8]"),
            ("expect.failed", "in how many frames the job ends with an error"),
            ("expect.failed_in", "frames in which the job ends with an error"),
            (
                "expect.latency",
                "the longest time that is allowed from the submission to the signal",
            ),
        ],
    ),
];

/// The text below the keys: what applies to all of them.
const VALUES: &str =
    "Times and names are strings: \"16.667ms\", \"EIO\". Only the expectations in the file are \
    checked; it is always checked that no fence is early, is late, or ends with a wrong status.";

/// How many columns a description may have, beside its key on a terminal of 80 columns.
const BESIDE: usize = 58;

/// Returns the text for the help.
pub fn help() -> String {
    let mut text = "The file is TOML.\n".to_owned();
    for (title, keys) in KEYS {
        let _ = write!(text, "\n{title}\n");
        for (key, meaning) in keys {
            let mut key = *key;
            for line in wrapped(meaning) {
                let _ = writeln!(text, "  {key:16}  {line}");
                key = "";
            }
        }
    }
    text + "\n" + VALUES
}

/// Wraps a description into lines of at most [`BESIDE`] columns.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= BESIDE => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Returns the man page.
pub fn man() -> String {
    let mut text =
        ".TH fencectl-scenario 5\n.SH NAME\nfencectl-scenario \\- files that fencectl scenario \
        plays\n.SH DESCRIPTION\nThe file is TOML.\n"
            .to_owned();
    text += VALUES;
    text.push('\n');
    for (title, keys) in KEYS {
        let _ = writeln!(text, ".SS {}", title.trim_end_matches(':'));
        for (key, meaning) in keys {
            let _ = writeln!(text, ".TP\n.B {key}\n{meaning}");
        }
    }
    text + ".SH SEE ALSO\n.BR fencectl\\-scenario (1)\n"
}

#[cfg(test)]
mod tests {
    use super::super::file::parse;
    use super::*;

    #[test]
    fn each_key_is_one_and_all_are_there() {
        let text = "title='t'\nframes=2\nperiod='10ms'\n[engine.a]\ntimeout='1s'\n[engine.b]\nvblank='5ms'\n\
            [[job]]\nname='x'\nengine='a'\nat='0s'\nduration='1ms'\nafter=['x@-1']\nafter_ended=['x@-1']\n\
            status='ok'\ndeadline='5ms'\nexpect.missed=0\nexpect.missed_in=[1]\nexpect.failed=0\n\
            expect.failed_in=[1]\nexpect.latency='1s'\n";
        let keys: Vec<_> = KEYS
            .iter()
            .flat_map(|(_, keys)| keys.iter().map(|(key, _)| *key))
            .collect();
        assert!(parse("f", text.to_owned()).is_ok());
        for key in &keys {
            assert!(text.contains(&format!("{key}=")), "{key}");
        }
        let written = text.lines().filter_map(|line| line.split_once('='));
        for (key, _) in written {
            assert!(keys.contains(&key), "{key}");
        }
        // The parser's error for an unknown key lists the keys that it knows.
        for table in ["", "[engine.c]\n", "[[job]]\n", "[[job]]\nexpect."] {
            let text = format!("{table}no_such_key=1\n");
            let known = parse("f", text).unwrap_err().cause;
            let known = known
                .split_once("expected")
                .map(|(_, known)| known.to_owned());
            let known = known.unwrap_or_default();
            for word in known.split('`').skip(1).step_by(2) {
                let is_it = |key: &&&str| key.trim_start_matches("expect.") == word;
                let is_table = ["engine", "job", "expect"].contains(&word);
                assert!(is_table || keys.iter().any(|key| is_it(&key)), "{word}");
            }
        }
    }

    #[test]
    fn help_and_man_page_have_all_keys() {
        for (_, keys) in KEYS {
            for (key, meaning) in keys {
                let lines = wrapped(meaning);
                assert_eq!(lines.join(" "), *meaning);
                assert!(lines
                    .iter()
                    .all(|line| line.len() <= BESIDE && help().contains(line)));
                assert!(man().contains(&format!(".B {key}\n{meaning}")), "{key}");
            }
        }
    }
}
