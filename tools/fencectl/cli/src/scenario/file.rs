// SPDX-License-Identifier: GPL-2.0

//! The file of a scenario.

use crate::cli::duration;
use fence_exporter::{Error, Result, Status};
use serde::{de::Error as _, Deserialize, Deserializer};
use std::{collections::BTreeMap, fs, path::Path, time::Duration};

/// A scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called.
    pub title: String,
    /// How many frames are played.
    #[serde(default = "one")]
    pub frames: u32,
    /// The time between frames.
    #[serde(default, deserialize_with = "time")]
    pub period: Duration,
    /// The engines, by name.
    pub engine: BTreeMap<String, Engine>,
    /// The jobs of each frame.
    pub job: Vec<Job>,
}

impl Scenario {
    /// The same in slow motion: each of its times is `times` as long.
    pub fn slower(mut self, times: u32) -> Self {
        let stretch = |time: &mut Duration| *time = time.saturating_mul(times);
        stretch(&mut self.period);
        for engine in self.engine.values_mut() {
            stretch(&mut engine.timeout);
        }
        for job in &mut self.job {
            stretch(&mut job.at);
            job.duration.iter_mut().for_each(stretch);
            job.deadline.iter_mut().for_each(stretch);
        }
        self
    }
}

/// An engine: a timeline that is driven by SUBMIT.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// After how long a job of it times out.
    #[serde(default = "second", deserialize_with = "time")]
    pub timeout: Duration,
}

/// A job that is submitted in each frame.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// What others call it.
    pub name: String,
    /// Where it runs.
    pub engine: String,
    /// When it is submitted, from the beginning of its frame.
    #[serde(default, deserialize_with = "time")]
    pub at: Duration,
    /// How long it takes; of several, each frame takes the next one.
    #[serde(deserialize_with = "times")]
    pub duration: Vec<Duration>,
    /// What it waits for: `NAME`, a job of the same frame, or `NAME@-1`, one of the frame before.
    #[serde(default)]
    pub after: Vec<String>,
    /// What it ends with if all goes well; of several, each frame takes the next one.
    #[serde(default = "ok", deserialize_with = "statuses")]
    pub status: Vec<Status>,
    /// When it is wanted, from the beginning of its frame.
    #[serde(default, deserialize_with = "maybe_time")]
    pub deadline: Option<Duration>,
    /// What must come of it.
    #[serde(default)]
    pub expect: Expect,
}

/// What must come of a job over all frames. What is not said is not checked; timing and status always are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// How many of its deadlines are missed.
    pub missed: Option<Count>,
    /// How many end with an error.
    pub failed: Option<Count>,
}

/// A number, or one between two.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(untagged)]
pub enum Count {
    /// This one.
    Exactly(u32),
    /// Both are among those allowed.
    Between([u32; 2]),
}

impl Count {
    /// Whether it is allowed.
    pub fn allows(self, count: u32) -> bool {
        match self {
            Self::Exactly(exactly) => count == exactly,
            Self::Between([from, to]) => (from..=to).contains(&count),
        }
    }
}

fn one() -> u32 {
    1
}

fn second() -> Duration {
    Duration::from_secs(1)
}

fn ok() -> Vec<Status> {
    vec![Status::OK]
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    duration(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn maybe_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    time(deserializer).map(Some)
}

fn each<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, D::Error> {
    let texts = match OneOrMore::deserialize(deserializer)? {
        OneOrMore::One(text) => vec![text],
        OneOrMore::More(texts) if texts.is_empty() => {
            return Err(D::Error::custom("an empty list"))
        }
        OneOrMore::More(texts) => texts,
    };
    texts
        .iter()
        .map(|text| parse(text).map_err(D::Error::custom))
        .collect()
}

fn times<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Duration>, D::Error> {
    each(deserializer, duration)
}

fn statuses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Status>, D::Error> {
    each(deserializer, str::parse)
}

/// Reads it.
pub fn read(path: &Path) -> Result<Scenario> {
    let what = || format!("cannot play {}", path.display());
    let text = fs::read_to_string(path).map_err(|error| Error::usage(what(), error.to_string()))?;
    toml::from_str(&text).map_err(|error| {
        Error::usage(
            what(),
            error.to_string().trim_end().replace('\n', "\n          "),
        )
        .remedy("the examples in tools/fencectl/scenarios show the form")
    })
}
