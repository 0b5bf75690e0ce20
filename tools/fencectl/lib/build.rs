// SPDX-License-Identifier: GPL-2.0

//! Generates the ioctl structures from the C headers with the program `bindgen` (or `$BINDGEN`).

use std::{
    env,
    path::PathBuf,
    process::{exit, Command},
};

const HEADERS: [&str; 3] = [
    "uapi.h",
    "../../../include/uapi/linux/fence_exporter.h",
    "../../../rust/uapi/sw_sync.h",
];

fn main() {
    for header in HEADERS {
        println!("cargo::rerun-if-changed={header}");
    }
    println!("cargo::rerun-if-env-changed=BINDGEN");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("uapi.rs");
    let bindgen = env::var_os("BINDGEN").unwrap_or_else(|| "bindgen".into());
    let result = Command::new(&bindgen)
        .args([
            "--no-prepend-enum-name",
            "--with-derive-default",
            "--use-core",
        ])
        .args(["--allowlist-item", "fence_exporter_.*|FENCE_EXPORTER_.*"])
        .args(["--allowlist-item", "sync_.*|sw_sync_.*"])
        .args(["--allowlist-var", "[A-Z_]+"])
        .args([
            "--with-derive-custom-struct",
            "fence_exporter_event=zerocopy::FromBytes",
        ])
        .args([
            "--with-derive-custom-struct",
            "fence_exporter_event=zerocopy::IntoBytes",
        ])
        .args([
            "--blocklist-item",
            "_.*BITS.*|_.*(MASK|SHIFT|SIZE)|_IOC_.*|IOC.*",
        ])
        .arg("--output")
        .arg(&out)
        .arg(HEADERS[0])
        .status();
    match result {
        Ok(status) if status.success() => {}
        Ok(_) => exit(1),
        Err(error) => {
            eprintln!(
                "cannot run {}: {error}\nscripts/setup installs bindgen (or: cargo install \
                 bindgen-cli); BINDGEN= names another one",
                bindgen.display()
            );
            exit(1);
        }
    }
}
