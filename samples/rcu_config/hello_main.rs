// SPDX-License-Identifier: GPL-2.0

//! The smallest module: it prints a message when it is loaded, and another when it is removed.

#![crate_name = "hello"]
#![forbid(unsafe_code)]

use kernel::prelude::*;

module! {
    type: Hello,
    name: "hello",
    authors: ["The authors of the sample"],
    description: "A Rust module that imports C symbols only",
    license: "GPL",
}

struct Hello;

impl kernel::Module for Hello {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("hello, formatted by {}\n", "the module itself");
        Ok(Self)
    }
}

impl Drop for Hello {
    fn drop(&mut self) {
        pr_info!("good-bye\n");
    }
}
