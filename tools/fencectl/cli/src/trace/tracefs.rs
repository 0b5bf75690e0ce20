// SPDX-License-Identifier: GPL-2.0

//! A recording of the kernel's dma_fence events, in an instance of tracefs of its own.

use fence_exporter::{Error, Kind, Result};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::id,
};

const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// An instance of tracefs that records dma_fence events. It is gone when this is dropped.
pub struct Instance(PathBuf);

impl Instance {
    /// Begins to record.
    pub fn begin(buffer_kb: u32) -> Result<Self> {
        let root = find()?;
        let path = root.join(format!("instances/fencectl-{}", id()));
        fs::create_dir(&path).map_err(|error| refused(&path, &error))?;
        let instance = Self(path);
        let set = |name: &str, value: &str| {
            let path = instance.0.join(name);
            fs::write(&path, value).map_err(|error| refused(&path, &error))
        };
        set("buffer_size_kb", &buffer_kb.to_string())?;
        // The clock of fences, of deadlines and timeouts.
        set("trace_clock", "mono")?;
        set("events/dma_fence/enable", "1")?;
        Ok(instance)
    }

    /// Where notes are written to the recording.
    pub fn marker(&self) -> PathBuf {
        self.0.join("trace_marker")
    }

    /// Ends the recording and answers its text.
    pub fn end(self) -> Result<String> {
        let path = self.0.join("tracing_on");
        fs::write(&path, "0").map_err(|error| refused(&path, &error))?;
        let path = self.0.join("trace");
        let bytes = fs::read(&path).map_err(|error| refused(&path, &error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Where tracefs is, with the events that are wanted.
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

fn refused(path: &Path, error: &io::Error) -> Error {
    let told = Error {
        kind: Kind::Device,
        ..Error::usage(
            format!("cannot write {}", path.display()),
            error.to_string(),
        )
    };
    match error.kind() {
        io::ErrorKind::PermissionDenied => told.remedy("run it as root"),
        io::ErrorKind::OutOfMemory => told.remedy("ask for less: --buffer"),
        _ => told,
    }
}
