// SPDX-License-Identifier: GPL-2.0

//! The file of a scenario.

use crate::cli::duration;
use fence_exporter::{Error, Result, Status};
use serde::{
    de::{Error as _, SeqAccess, Visitor},
    Deserialize, Deserializer, Serialize,
};
use std::{
    collections::BTreeMap, fmt, fs, marker::PhantomData, ops::Range, path::Path, time::Duration,
};
use toml::Spanned;

/// The remedy in errors about the file: where its format is described.
const REMEDY: &str = "fencectl help scenario lists the keys, tools/fencectl/scenarios has examples";

/// The text of a scenario and its path, from which messages get the line number.
#[derive(Debug, Default)]
pub struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Returns the place of `span` as PATH:LINE.
    pub fn place(&self, span: Range<usize>) -> String {
        let before = self.text.get(..span.start).unwrap_or_default();
        format!("{}:{}", self.path, before.matches('\n').count() + 1)
    }

    /// Returns the text of the line in which `span` begins.
    fn line(&self, span: Range<usize>) -> &str {
        let begin = self.text.get(..span.start).unwrap_or_default();
        let begin = begin.rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[begin..].lines().next();
        line.unwrap_or_default().trim()
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// A scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The text and its path.
    #[serde(skip)]
    pub source: Source,
    /// The title.
    pub title: String,
    /// How many frames are played.
    #[serde(default = "one")]
    pub frames: u32,
    /// The time from the beginning of a frame to the beginning of the next one.
    #[serde(default, deserialize_with = "time")]
    pub period: Duration,
    /// The engines, by name.
    pub engine: BTreeMap<Spanned<String>, Engine>,
    /// The jobs of each frame.
    pub job: Vec<Job>,
}

impl Scenario {
    /// Returns the scenario at another pace: each of its times becomes what `pace` makes of it.
    pub fn at(mut self, pace: Pace) -> Self {
        let stretch = |time: &mut Duration| *time = pace.of(*time);
        stretch(&mut self.period);
        for engine in self.engine.values_mut() {
            // The default does not belong to the file. It allows for the delays of a machine, which do
            // not become shorter.
            match &mut engine.timeout {
                Some(timeout) => stretch(timeout),
                None => engine.timeout = Some(TIMEOUT.saturating_mul(pace.slower)),
            }
            engine.vblank.iter_mut().for_each(stretch);
        }
        for job in &mut self.job {
            stretch(&mut job.at);
            job.duration.iter_mut().for_each(stretch);
            job.deadline.iter_mut().for_each(stretch);
            job.expect.latency.iter_mut().for_each(stretch);
        }
        self
    }
}

/// The timeout of the jobs of an engine for which the file has none.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// The pace of a scenario.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Pace {
    /// Each time of the file is multiplied by this.
    pub slower: u32,
    /// Each time of the file is divided by this.
    pub faster: u32,
}

impl Pace {
    /// Returns what a time of the file becomes. Only a time of 0 becomes 0.
    fn of(self, time: Duration) -> Duration {
        let paced = time.saturating_mul(self.slower) / self.faster;
        paced.max(time.min(Duration::from_nanos(1)))
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.slower, self.faster) {
            (1, 1) => f.write_str("as fast as the file says"),
            (slower, 1) => write!(f, "{slower} times slower than the file says"),
            (_, faster) => write!(f, "{faster} times faster than the file says"),
        }
    }
}

/// An engine: a timeline that is driven by SUBMIT. An engine with a vblank is a display instead,
/// whose fences fencectl signals itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// The timeout of the engine's jobs. If the file has none, it is [`TIMEOUT`].
    #[serde(default, deserialize_with = "timeout")]
    pub timeout: Option<Duration>,
    /// The vblank period, if the engine is a display. The display shows at most one job at each
    /// multiple of this time, in the order of the jobs.
    #[serde(default, deserialize_with = "maybe_period")]
    pub vblank: Option<Duration>,
}

/// A job that is submitted in each frame.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The name, by which other jobs refer to this job.
    pub name: Spanned<String>,
    /// The name of the engine that runs the job.
    pub engine: Spanned<String>,
    /// When the job is submitted, from the beginning of its frame.
    #[serde(default, deserialize_with = "time")]
    pub at: Duration,
    /// How long the job takes. If there are several durations, each frame takes the next one. Empty
    /// on a display.
    #[serde(default, deserialize_with = "each")]
    pub duration: Vec<Duration>,
    /// The jobs that this job waits for: `NAME` is a job of the same frame, `NAME@-1` a job of the
    /// previous frame.
    #[serde(default)]
    pub after: Vec<Spanned<String>>,
    /// More jobs that this job waits for. Their errors are not passed on to this job.
    #[serde(default)]
    pub after_ended: Vec<Spanned<String>>,
    /// The status that the job ends with if nothing goes wrong. If there are several, each frame
    /// takes the next one.
    #[serde(default = "ok", deserialize_with = "each")]
    pub status: Vec<Status>,
    /// The deadline, from the beginning of the frame.
    #[serde(default, deserialize_with = "maybe_time")]
    pub deadline: Option<Duration>,
    /// The expected results of the job.
    #[serde(default)]
    pub expect: Expect,
}

/// The expected results of a job over all frames.
///
/// An expectation that the file does not state is not checked. Timing and status of each fence are
/// always checked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// How many deadlines of the job are missed.
    pub missed: Option<Count>,
    /// In how many frames the job ends with an error.
    pub failed: Option<Count>,
    /// Frames, counted from 1, in which the job must miss its deadline.
    #[serde(default)]
    pub missed_in: Vec<u32>,
    /// Frames, counted from 1, in which the job must end with an error.
    #[serde(default)]
    pub failed_in: Vec<u32>,
    /// The longest time that is allowed from the submission to the signal.
    #[serde(default, deserialize_with = "maybe_time")]
    pub latency: Option<Duration>,
}

/// An expected number, exact or as a range.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Count {
    /// Exactly this number.
    Exactly(u32),
    /// Any number from the first to the second, both included.
    Between(u32, u32),
}

impl Count {
    /// Returns whether `count` is as expected.
    pub fn allows(self, count: u32) -> bool {
        match self {
            Self::Exactly(exactly) => count == exactly,
            Self::Between(from, to) => (from..=to).contains(&count),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(exactly) => write!(f, "{exactly}"),
            Self::Between(from, to) => write!(f, "{from} to {to}"),
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;

        impl<'de> Visitor<'de> for CountVisitor {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or the lowest and the highest as [2, 4]")
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Count, E> {
                u32::try_from(number)
                    .map(Count::Exactly)
                    .map_err(|_| E::custom(format!("{number} is no number of frames")))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Count, A::Error> {
                let mut numbers = Vec::new();
                while let Some(number) = items.next_element::<u32>()? {
                    numbers.push(number);
                }
                match numbers[..] {
                    [from, to] if from <= to => Ok(Count::Between(from, to)),
                    [from, to] => Err(A::Error::custom(format!(
                        "the lowest one, {from}, is above the highest one, {to}"
                    ))),
                    _ => Err(A::Error::invalid_length(numbers.len(), &self)),
                }
            }
        }

        deserializer.deserialize_any(CountVisitor)
    }
}

fn one() -> u32 {
    1
}

fn ok() -> Vec<Status> {
    vec![Status::OK]
}

/// A type of value that the file has as a string.
trait Word: Sized {
    /// What the parser expects, for its error messages.
    const WHAT: &str;

    /// Parses the string.
    fn read(text: &str) -> Result<Self, String>;
}

impl Word for Duration {
    const WHAT: &str = "a duration as \"16.667ms\"";

    fn read(text: &str) -> Result<Self, String> {
        duration(text)
    }
}

impl Word for Status {
    const WHAT: &str = "\"ok\", or an errno as \"EIO\"";

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

/// One [`Word`]. A list is read as a list of `One`, so that an error in one element has the place
/// of that element in the file.
struct One<T>(T);

impl<'de, T: Word> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneVisitor<T>(PhantomData<T>);

        impl<T: Word> Visitor<'_> for OneVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::WHAT)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
                T::read(text).map_err(E::custom)
            }
        }

        deserializer
            .deserialize_any(OneVisitor(PhantomData))
            .map(One)
    }
}

/// Reads one [`Word`] or a list of them.
fn each<'de, D: Deserializer<'de>, T: Word>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct EachVisitor<T>(PhantomData<T>);

    impl<'de, T: Word> Visitor<'de> for EachVisitor<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}, or a list of such", T::WHAT)
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::read(text).map(|one| vec![one]).map_err(E::custom)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(One(one)) = items.next_element()? {
                all.push(one);
            }
            match all.len() {
                0 => Err(A::Error::custom("the list is empty")),
                _ => Ok(all),
            }
        }
    }

    deserializer.deserialize_any(EachVisitor(PhantomData))
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    One::deserialize(deserializer).map(|One(time)| time)
}

/// Reads a timeout. 0 is refused, because SETUP would take it for the module's default.
fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    match time(deserializer)? {
        Duration::ZERO => Err(D::Error::custom("the timeout is 0: no job could run")),
        timeout => Ok(Some(timeout)),
    }
}

fn maybe_period<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    match time(deserializer)? {
        Duration::ZERO => Err(D::Error::custom("a vblank of 0 is none")),
        period => Ok(Some(period)),
    }
}

fn maybe_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    time(deserializer).map(Some)
}

/// Reads the scenario in the file `path`.
pub fn read(path: &Path) -> Result<Scenario> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| Error::io(format!("cannot play {name}"), &error))?;
    parse(&name, text)
}

/// Parses the text of a scenario. `path` is the name of the file, for messages.
pub fn parse(path: &str, text: String) -> Result<Scenario> {
    let source = Source {
        path: path.to_owned(),
        text,
    };
    match toml::from_str::<Scenario>(&source.text) {
        Ok(scenario) => Ok(Scenario { source, ..scenario }),
        Err(error) => {
            // An error about the file as a whole, such as a missing key, has no line.
            let whole = 0..source.text.len();
            let message = error.message().split_whitespace().collect::<Vec<_>>();
            let message = message.join(" ");
            let (place, cause) = match error.span() {
                Some(span) if span.start > 0 || !whole.contains(&span.end) => {
                    let line = source.line(span.clone());
                    (source.place(span), format!("{message}, in: {line}"))
                }
                _ => (source.path, message),
            };
            Err(Error::usage(format!("cannot play {place}"), cause).remedy(REMEDY))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "title='t'\nframes=3\nperiod='10ms'\n[engine.a]\ntimeout='1s'\n[[job]]\n\
        name='x'\nengine='a'\nduration=[\n'1ms',\n'2ms',\n]\nstatus='ok'\ndeadline='5ms'\n\
        expect.missed=[2, 4]\n";

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        assert!(parse("f", TEXT.to_owned()).is_ok());
        for (from, to, line, told) in [
            ("'2ms'", "'2mss'", 11, "\"2mss\" is no duration"),
            ("'10ms'", "'soon'", 3, "\"soon\" is no duration"),
            ("'10ms'", "10", 3, "expected a duration as \"16.667ms\""),
            (
                "[2, 4]",
                "[4, 2]",
                15,
                "the lowest one, 4, is above the highest one, 2",
            ),
            (
                "[2, 4]",
                "'2'",
                15,
                "expected a number, or the lowest and the highest",
            ),
            (
                "[2, 4]",
                "[1, 2, 3]",
                15,
                "expected a number, or the lowest and the highest",
            ),
            ("[2, 4]", "-1", 15, "-1 is no number of frames"),
            ("'ok'", "['ok', 'EFOO']", 13, "EFOO is no errno"),
            ("'ok'", "[]", 13, "the list is empty"),
            ("'1s'", "'0s'", 5, "the timeout is 0"),
            ("'1s'", "'1s'\nvblank='0s'", 6, "a vblank of 0"),
            ("deadline", "dedline", 14, "unknown field `dedline`"),
            ("title='t'", "title=", 1, ""),
        ] {
            let error = parse("f", TEXT.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.what, format!("cannot play f:{line}"), "{to}");
            assert!(error.cause.contains(told), "{to}: {}", error.cause);
            for inside in ["untagged", "variant", "enum", "Between", "::"] {
                assert!(!error.cause.contains(inside), "{}", error.cause);
            }
        }
    }

    #[test]
    fn a_number_of_frames_is_told_as_it_is_written() {
        assert_eq!(Count::Exactly(3).to_string(), "3");
        assert_eq!(Count::Between(2, 4).to_string(), "2 to 4");
    }
}
