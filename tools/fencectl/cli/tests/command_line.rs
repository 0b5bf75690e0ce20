// SPDX-License-Identifier: GPL-2.0

//! Tests of the program fencectl that need no device: its exit status and its messages.

use std::{
    fs::File,
    io::pipe,
    process::{Command, Output, Stdio},
};

fn fencectl(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fencectl"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    fencectl(arguments).output().expect("fencectl can be run")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn errors_of_the_command_line_are_json_too() {
    for arguments in [
        &["--json", "create"] as &[_],
        &["wait", "--json"],
        &["wait", "x", "--json"],
        &["--json", "trace"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said: serde_json::Value =
            serde_json::from_slice(&output.stderr).expect("one line of JSON");
        let field = |name: &str| said["error"][name].as_str().unwrap_or_default().to_owned();
        assert!(field("what").starts_with("cannot understand"), "{said}");
        assert!(!field("cause").is_empty(), "{said}");
        assert!(field("remedy").contains("fencectl help"), "{said}");
    }
}

#[test]
fn errors_of_the_command_line_show_the_usage_to_a_person() {
    let output = run(&["wait"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("Usage: fencectl wait"));
    // The `--json` after `--` is an option of the command, not of fencectl.
    let output = run(&["trace", "--no-such", "--", "true", "--json"]);
    assert!(text(&output.stderr).contains("Usage: fencectl trace"));
}

#[test]
fn what_cannot_be_written_is_told() {
    for arguments in [
        &["help"] as &[_],
        &["--version"],
        &["help", "wait"],
        &["scenario", "--dry-run", "../scenarios/compositor.toml"],
    ] {
        let full = File::create("/dev/full").expect("there is a /dev/full");
        let output = fencectl(arguments)
            .stdout(full)
            .output()
            .expect("fencectl can be run");
        assert_eq!(output.status.code(), Some(4), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(
            said.contains("cannot write to the standard output: ENOSPC"),
            "{said}"
        );
    }
}

#[test]
fn no_module_is_not_no_timelines() {
    let misc = std::fs::read_to_string("/proc/misc").unwrap_or_default();
    if misc.is_empty() || misc.contains("fence_exporter") {
        eprintln!("not tested: this machine has the module, or no /proc/misc");
        return;
    }
    for arguments in [
        &["list"] as &[_],
        &["watch"],
        &["--json", "watch", "--count", "1"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(
            said.contains("the module fence_exporter is not loaded"),
            "{said}"
        );
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_success() {
    let (reader, writer) = pipe().expect("there are pipes");
    drop(reader);
    let output = fencectl(&["scenario", "--dry-run", "../scenarios/compositor.toml"])
        .stdout(writer)
        .output()
        .expect("fencectl can be run");
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn the_documentation_names_each_subcommand() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/fencectl.md");
    let documentation = std::fs::read_to_string(path).expect("docs/fencectl.md can be read");
    let help = text(&run(&["help"]).stdout);
    let (_, commands) = help
        .split_once("\nCommands:\n")
        .expect("help lists commands");
    let names: Vec<_> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.contains(&"timeline"), "{help}");
    for name in names {
        assert!(
            documentation.contains(&format!("fencectl {name}")),
            "docs/fencectl.md does not name `fencectl {name}`"
        );
    }
}
