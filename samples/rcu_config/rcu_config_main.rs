// SPDX-License-Identifier: GPL-2.0

//! `/dev/rcu_config`: a configuration that one caller changes while others look at it.
//!
//! There is one call, `RCU_CONFIG_SET`. It puts a new limit in place and returns two: the one that
//! it has replaced, and the one that was in place when the file was opened. Who reads a limit
//! takes no lock, and sees a whole configuration, the old one or the new one.

#![crate_name = "rcu_config"]
#![forbid(unsafe_code)]

use kernel::{
    fs::File,
    ioctl::_IOWR,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration,
        PollDevice,
        PollDeviceRegistration,
        Ready, //
    },
    new_mutex,
    prelude::*,
    sync::{
        poll::PollTable,
        rcu::{
            self,
            Published,
            Rcu,
            RcuFreeBox, //
        },
        Arc,
        ArcBorrow,
        Mutex, //
    },
    uaccess::UserSlice, //
};

module! {
    type: RcuConfig,
    name: "rcu_config",
    authors: ["The authors of the sample"],
    description: "A sample: a configuration that is replaced under RCU readers",
    license: "GPL",
}

/// `struct { __u32 limit; __u32 limit_at_open; }`; in: the new limit, and 0.
const RCU_CONFIG_SET: u32 = _IOWR::<[u32; 2]>('c' as u32, 1);

/// What is replaced as a whole. It has no destructor: one that had would be in an `RcuBox`.
#[derive(Clone, Copy)]
struct Config {
    limit: u32,
    generation: u64,
}

type ConfigBox = RcuFreeBox<Published<Config>>;

fn boxed(config: Config) -> Result<ConfigBox> {
    RcuFreeBox::pin_init(Published::new(config), GFP_KERNEL)
}

/// What all files share.
#[pin_data]
struct Shared {
    config: Rcu<ConfigBox>,
    /// Held by who makes a new configuration from the old one.
    #[pin]
    change: Mutex<()>,
}

impl Shared {
    /// Returns the configuration. A reader: no lock, and nothing is written.
    fn config(&self) -> Config {
        *self.config.dereference(&rcu::read_lock())
    }

    /// Puts a limit in place, and returns the configuration that was there.
    fn set_limit(&self, limit: u32) -> Result<Config> {
        let _change = self.change.lock();
        let generation = self.config().generation + 1;
        let old = self.config.replace(boxed(Config { limit, generation })?);
        // The old box is dropped here; readers may have what is in it for a grace period more.
        Ok(**old)
    }
}

/// The private data of a file.
struct Opened {
    shared: Arc<Shared>,
    /// What was in place then; freed a grace period after the file is closed.
    config: ConfigBox,
}

struct Device;

#[vtable]
impl MiscDevice for Device {
    type Ptr = Arc<Opened>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Arc<Opened>> {
        Err(ENODEV)
    }

    fn ioctl(file: ArcBorrow<'_, Opened>, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
        if cmd != RCU_CONFIG_SET {
            return Err(ENOTTY);
        }
        let slice = || UserSlice::new(UserPtr::from_addr(arg), size_of::<[u32; 2]>());
        let mut reader = slice().reader();
        let (limit, zero) = (reader.read::<u32>()?, reader.read::<u32>()?);
        if zero != 0 {
            return Err(EINVAL);
        }
        let old = file.shared.set_limit(limit)?;
        // The file owns this box, so it needs no critical section: writing to user space may sleep.
        let at_open = file.config.limit;
        let mut writer = slice().writer();
        writer.write(&old.limit)?;
        writer.write(&at_open)?;
        Ok(0)
    }
}

impl PollDevice for Device {
    type Data = Arc<Shared>;
    type Private = Opened;

    fn open(_file: &File, device: &PollDeviceRegistration<Self>) -> Result<Arc<Opened>> {
        let shared = device.data().clone();
        let config = boxed(shared.config())?;
        Ok(Arc::new(Opened { shared, config }, GFP_KERNEL)?)
    }

    fn poll<'a>(_file: &'a Opened, _table: &PollTable<'a>) -> Ready {
        Ready::ALWAYS
    }
}

/// The module: its node.
struct RcuConfig {
    _device: Pin<KBox<PollDeviceRegistration<Device>>>,
}

impl kernel::Module for RcuConfig {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let config = boxed(Config {
            limit: 1,
            generation: 0,
        })?;
        let shared = Arc::pin_init(
            pin_init!(Shared {
                config: Rcu::new(config),
                change <- new_mutex!(()),
            }),
            GFP_KERNEL,
        )?;
        let options = MiscDeviceOptions {
            name: c"rcu_config",
        };
        let device = PollDeviceRegistration::<Device>::register(options, shared);
        Ok(Self {
            _device: KBox::try_pin_init(device, GFP_KERNEL)?,
        })
    }
}
