// SPDX-License-Identifier: GPL-2.0

//! `fencectl show`: the fences in a sync_file, and the processes that have it open.

use crate::{
    list::{aligned, holders_text},
    output::{time_text, Output},
};
use fence_exporter::{
    clock,
    process::{self, Users},
    Contents, Fence, Result, Status, SyncFile,
};
use serde::Serialize;
use std::{fmt, process::ExitCode};

/// The answer of `show`: a sync_file, its fences and its users.
#[derive(Debug, Serialize)]
pub struct Shown {
    name: String,
    status: Status,
    errno: Option<i32>,
    fences: Vec<Inside>,
    #[serde(flatten)]
    users: Users,
}

/// A fence of the sync_file.
#[derive(Debug, Serialize)]
struct Inside {
    timeline: String,
    driver: String,
    status: Status,
    errno: Option<i32>,
    timestamp_ns: Option<u64>,
}

impl From<Fence> for Inside {
    fn from(fence: Fence) -> Self {
        Self {
            timeline: fence.timeline,
            driver: fence.driver,
            status: fence.status,
            errno: fence.status.errno(),
            timestamp_ns: (fence.status != Status::PENDING).then_some(fence.timestamp_ns),
        }
    }
}

impl Shown {
    /// Examines a sync_file.
    pub fn new(file: &SyncFile) -> Result<Self> {
        Ok(Self::of(file.contents()?, process::users(file)?))
    }

    fn of(contents: Contents, users: Users) -> Self {
        Self {
            name: contents.name,
            status: contents.status,
            errno: contents.status.errno(),
            fences: contents.fences.into_iter().map(Inside::from).collect(),
            users,
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.status)?;
        let now = clock::now();
        let mut rows = vec![["TIMELINE", "DRIVER", "STATUS", "SIGNALED"].map(str::to_owned)];
        for fence in &self.fences {
            rows.push([
                fence.timeline.clone(),
                fence.driver.clone(),
                fence.status.to_string(),
                fence.timestamp_ns.map_or("-".to_owned(), |at| {
                    format!("{} ago", time_text(now.saturating_sub(at)))
                }),
            ]);
        }
        let rows: Vec<_> = rows.iter().map(|cells| cells.as_slice()).collect();
        for line in aligned(&rows, "  ") {
            writeln!(f, "  {line}")?;
        }
        let Users {
            holders,
            unseen,
            known,
        } = &self.users;
        match (known, holders.len()) {
            (false, _) => write!(f, "held by: the kernel does not tell (no kcmp)")?,
            (true, 0) => write!(f, "held by no other process")?,
            (true, _) => write!(f, "held by {}", holders_text(holders))?,
        }
        if *unseen > 0 {
            write!(
                f,
                "\n{unseen} processes could not be looked into: run it as root to see all"
            )?;
        }
        Ok(())
    }
}

/// `fencectl show`.
pub fn run(file: &SyncFile, output: Output) -> Result<ExitCode> {
    output.say(&Shown::new(file)?);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fence_exporter::process::Holder;

    fn shown(users: Users) -> Shown {
        let fence = |timeline: &str, status, timestamp_ns| Fence {
            timeline: timeline.to_owned(),
            driver: "driver".to_owned(),
            status,
            timestamp_ns,
        };
        let contents = Contents {
            name: "merged".to_owned(),
            status: Status::PENDING,
            fences: vec![
                fence("gpu", Status::PENDING, 0),
                fence("display", Status(-5), 1),
            ],
        };
        Shown::of(contents, users)
    }

    #[test]
    fn each_fence_and_each_holder() {
        let text = shown(Users {
            holders: vec![Holder {
                pid: 12,
                comm: "app".to_owned(),
                fds: vec![4, 7],
            }],
            unseen: 2,
            known: true,
        })
        .to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "merged: pending");
        assert_eq!(lines[2], "  gpu       driver  pending  -");
        assert!(
            lines[3].starts_with("  display   driver  -EIO     "),
            "{text}"
        );
        assert_eq!(lines[4], "held by 12:4,7 (app)");
        assert!(lines[5].starts_with("2 processes"), "{text}");
    }

    #[test]
    fn in_json_a_pending_fence_has_no_time_and_an_error_has_a_number() {
        let shown = serde_json::to_value(shown(Users::default())).unwrap();
        assert_eq!(shown["fences"][0]["timestamp_ns"], serde_json::Value::Null);
        assert_eq!(shown["fences"][1]["errno"], 5);
        assert_eq!(shown["fences"][1]["timestamp_ns"], 1);
        assert_eq!(shown["holders"], serde_json::json!([]));
    }

    #[test]
    fn that_nothing_is_known_is_no_statement() {
        let text = shown(Users::default()).to_string();
        assert!(text.contains("the kernel does not tell"), "{text}");
        let users = Users {
            known: true,
            ..Users::default()
        };
        assert!(shown(users)
            .to_string()
            .contains("held by no other process"));
    }
}
