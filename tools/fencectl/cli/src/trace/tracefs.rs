// SPDX-License-Identifier: GPL-2.0

//! Records the kernel's dma_fence events and the module's events, in a separate instance of
//! tracefs.

use fence_exporter::{Error, Kind, Result};
use rustix::fs::{flock, FlockOperation};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::id,
};

const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The module's events, which have the statuses and the deadlines of fences.
const STATUSES: [&str; 2] = [
    "events/fence_exporter/fence_signaled",
    "events/fence_exporter/fence_deadline",
];

/// Whether a recording has the module's events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Statuses {
    /// The recording has them.
    Recorded,
    /// The kernel has no such events: the module is not loaded, or was built without them.
    NotRecorded,
    /// The module was removed during the recording, and the kernel dropped what was recorded
    /// before.
    Dropped,
}

impl Statuses {
    const ALL: [Self; 3] = [Self::Recorded, Self::NotRecorded, Self::Dropped];

    /// Returns the name for the text of a recording.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::NotRecorded => "not recorded",
            Self::Dropped => "dropped",
        }
    }

    /// Returns the value with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|statuses| statuses.name() == name)
    }
}

/// The beginning of the names of instances. The process ID of their fencectl follows.
const PREFIX: &str = "fencectl-";

/// An instance of tracefs that records fences. Dropping this value removes the instance.
pub struct Instance {
    path: PathBuf,
    has_statuses: bool,
    /// The directory of the instance, which is locked while this fencectl runs.
    _locked: Option<File>,
}

impl Instance {
    /// Makes the instance, and begins to record. The buffer has `buffer_kb` KB for each processor.
    pub fn begin(buffer_kb: u32) -> Result<Self> {
        let root = find()?;
        let instances = root.join("instances");
        clean_up(&instances);
        let path = instances.join(format!("{PREFIX}{}", id()));
        fs::create_dir(&path).map_err(|error| refused("make", &path, &error))?;
        let mut instance = Self {
            _locked: lock(&path),
            path,
            has_statuses: false,
        };
        instance.set("buffer_size_kb", &buffer_kb.to_string())?;
        // CLOCK_MONOTONIC, the clock of the fences' timestamps and deadlines.
        instance.set("trace_clock", "mono")?;
        instance.has_statuses = STATUSES
            .iter()
            .all(|event| instance.path.join(event).exists());
        if instance.has_statuses {
            // The module's events are enabled before the core's. So for each signal that the core's
            // event shows, the module's event with the status was recorded as well.
            for event in STATUSES {
                instance.set(&format!("{event}/enable"), "1")?;
            }
        }
        instance.set("events/dma_fence/enable", "1")?;
        Ok(instance)
    }

    /// Ends the recording, and returns its text.
    pub fn end(self) -> Result<(Statuses, String)> {
        self.set("tracing_on", "0")?;
        let path = self.path.join("trace");
        let bytes = fs::read(&path).map_err(|error| refused("read", &path, &error))?;
        // If the module was removed and loaded again, its events are disabled.
        let is_on = |event| {
            let on = fs::read(self.path.join(event).join("enable"));
            on.is_ok_and(|on| on.starts_with(b"1"))
        };
        let statuses = if !self.has_statuses {
            Statuses::NotRecorded
        } else if STATUSES.into_iter().all(is_on) {
            Statuses::Recorded
        } else {
            Statuses::Dropped
        };
        Ok((statuses, String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn set(&self, name: &str, value: &str) -> Result<()> {
        let path = self.path.join(name);
        fs::write(&path, value).map_err(|error| refused("write", &path, &error))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

/// Locks the directory of an instance. Returns `None` if another fencectl has locked it.
fn lock(path: &Path) -> Option<File> {
    let directory = File::open(path).ok()?;
    flock(&directory, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(directory)
}

/// Removes instances that a fencectl left behind when it was killed. Otherwise they would record
/// until the next boot.
///
/// The fencectl of such an instance does not run, and nobody holds the lock of the instance. The
/// process ID alone would not do: a fencectl in another PID namespace may be recording. The lock
/// alone would not do either: a fencectl that has just made its instance has not locked it yet.
fn clean_up(instances: &Path) {
    for entry in fs::read_dir(instances).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let Some(pid) = pid.and_then(|pid| pid.parse::<u32>().ok()) else {
            continue;
        };
        let runs = pid != id() && Path::new(&format!("/proc/{pid}")).exists();
        if !runs && lock(&entry.path()).is_some() {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Returns where tracefs is mounted. Fails if it has no dma_fence events.
fn find() -> Result<&'static Path> {
    let what = "cannot record fences";
    let device = |cause: &str| Error {
        kind: Kind::Device,
        ..Error::usage(what, cause)
    };
    let mut denied = None;
    for place in PLACES.map(Path::new) {
        match fs::read_dir(place.join("events/dma_fence")) {
            Ok(_) => return Ok(place),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => denied = Some(place),
            Err(_) => {}
        }
    }
    if let Some(place) = denied {
        return Err(
            device(&format!("{} may not be read", place.display())).remedy("run it as root")
        );
    }
    if PLACES
        .iter()
        .any(|place| Path::new(place).join("events").exists())
    {
        return Err(device("this kernel has no dma_fence events")
            .remedy("it wants CONFIG_DMA_SHARED_BUFFER and CONFIG_EVENT_TRACING"));
    }
    Err(device("tracefs is not mounted").remedy(format!(
        "as root: mount -t tracefs none {} (the kernel wants CONFIG_TRACING)",
        PLACES[0]
    )))
}

fn refused(tried: &str, path: &Path, error: &io::Error) -> Error {
    let told = Error {
        kind: Kind::Device,
        ..Error::io(format!("cannot {tried} {}", path.display()), error)
    };
    match error.kind() {
        io::ErrorKind::PermissionDenied => told.remedy("run it as root"),
        io::ErrorKind::OutOfMemory => told.remedy("ask for less: --buffer"),
        _ => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_fencectl_left_is_removed() {
        let instances = std::env::temp_dir().join(format!("fencectl-test-{}", id()));
        let make = |name: &str| {
            let path = instances.join(name);
            fs::create_dir_all(&path).expect("a directory can be made");
            path
        };
        // No process has this ID: it is above the highest one that the kernel gives, 2^22.
        let left = make("fencectl-4194305");
        // Process 1 always runs.
        let runs = make("fencectl-1");
        let others = make("perf-4194305");
        // A fencectl of another PID namespace.
        let elsewhere = make("fencectl-4194306");
        let locked = lock(&elsewhere);
        assert!(locked.is_some());
        clean_up(&instances);
        assert!(!left.exists());
        assert!(runs.exists() && others.exists() && elsewhere.exists());
        drop(locked);
        clean_up(&instances);
        assert!(!elsewhere.exists());
        fs::remove_dir_all(&instances).expect("the directories can be removed");
    }
}
