// SPDX-License-Identifier: GPL-2.0

//! `/dev/rcu_config`: a configuration that one caller changes while others read it.
//!
//! There is one ioctl, `RCU_CONFIG_SET`. It sets a new limit and returns two limits: the one that
//! it has replaced, and the one that was set when the file was opened. Readers of the configuration
//! take no lock. Each reader sees a whole configuration, the old one or the new one.
//!
//! `rcu_config_param.c` is the C code of the module. It calls [`rcu_config_changes`].

#![crate_name = "rcu_config"]
// Not `forbid`: it would refuse `#[no_mangle]`, which the function that C code calls needs.
#![deny(unsafe_code)]

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
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        poll::PollTable,
        rcu::{
            self,
            Published,
            Rcu,
            RcuFreeKBox, //
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

/// The ioctl. Its argument is `struct rcu_config_set` of `rcu_config.h`, which is two `__u32`.
const RCU_CONFIG_SET: u32 = _IOWR::<[u32; 2]>('c' as u32, 1);

/// The configuration, which is replaced as a whole.
///
/// It has no destructor. A configuration with a destructor would have to be in an `RcuBox`.
#[derive(Clone, Copy)]
struct Config {
    limit: u32,
    generation: u64,
}

/// How often a limit was set.
static CHANGES: Atomic<u32> = Atomic::new(0);

/// Returns how often a limit was set.
///
/// C code calls this function. `rcu_config-link-keep` in the Kbuild keeps the function, and
/// `#[no_mangle]` keeps its name.
#[allow(unsafe_code)]
#[no_mangle]
extern "C" fn rcu_config_changes() -> u32 {
    CHANGES.load(Relaxed)
}

type ConfigBox = RcuFreeKBox<Published<Config>>;

fn boxed(config: Config) -> Result<ConfigBox> {
    Ok(RcuFreeKBox::new(Published::new(config), GFP_KERNEL)?)
}

/// The data that all files share.
#[pin_data]
struct Shared {
    config: Rcu<ConfigBox>,
    /// Held while a new configuration is made from the old one.
    #[pin]
    change: Mutex<()>,
}

impl Shared {
    /// Returns a copy of the configuration. A reader takes no lock and writes nothing.
    fn config(&self) -> Config {
        *self.config.dereference(&rcu::read_lock())
    }

    /// Sets a limit, and returns the old configuration. Fails with `ENOMEM`.
    fn set_limit(&self, limit: u32) -> Result<Config> {
        let _change = self.change.lock();
        let generation = self.config().generation + 1;
        let old = self.config.replace(boxed(Config { limit, generation })?);
        CHANGES.fetch_add(1, Relaxed);
        // The old box is dropped here. Readers may use its value for another grace period.
        Ok(**old)
    }
}

/// The private data of a file.
struct Opened {
    shared: Arc<Shared>,
    /// The configuration at the time of open. It is freed one grace period after the file is
    /// closed.
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
        // The file owns this box, so this needs no critical section. Copying to user space below
        // may sleep, so it must not be in one.
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

/// The data of the module: its device.
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
