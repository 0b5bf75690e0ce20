// SPDX-License-Identifier: GPL-2.0

//! The file operations of `/dev/fence_exporter`.

use super::{
    Calls,
    Native,
    Shown, //
};
use crate::{
    abi::{
        self,
        Arg, //
    },
    events::Events,
    fdinfo,
    name::Name,
    node::Common, //
};
use fence_uapi::*;
use kernel::{
    dma_buf::Timeline,
    fs::{
        file::flags::O_NONBLOCK,
        File,
        Kiocb, //
    },
    iov::IovIterDest,
    miscdevice::{
        nonblocking,
        MiscDevice,
        MiscDeviceRegistration,
        PollDevice,
        PollDeviceRegistration,
        Ready, //
    },
    prelude::*,
    seq_file::SeqFile,
    sync::{
        poll::PollTable,
        rcu::Published,
        Arc,
        ArcBorrow, //
    },
};

/// The device node `/dev/fence_exporter`.
pub(crate) struct Node;

#[vtable]
impl MiscDevice for Node {
    type Ptr = Arc<Timeline<Native>>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        // Not used: `PollDevice::open`, which gets the data of the device, opens files.
        Err(ENODEV)
    }

    fn release(timeline: Self::Ptr, _file: &File) {
        // Jobs hold references to the timeline while they have in-fences. Free them, so that the
        // timeline can be dropped.
        timeline.engine.clear();
        #[cfg(CONFIG_FENCE_EXPORTER_SYNCHRONIZE_RCU)]
        kernel::sync::rcu::synchronize_rcu();
    }

    fn ioctl(
        timeline: ArcBorrow<'_, Timeline<Native>>,
        file: &File,
        cmd: u32,
        arg: usize,
    ) -> Result<isize> {
        const SETUP: u32 = abi::call(FENCE_EXPORTER_IOC_SETUP);
        const CREATE: u32 = abi::call(FENCE_EXPORTER_IOC_CREATE);
        const SIGNAL: u32 = abi::call(FENCE_EXPORTER_IOC_SIGNAL);
        const SIGNAL_AT: u32 = abi::call(FENCE_EXPORTER_IOC_SIGNAL_AT);
        const SUBMIT: u32 = abi::call(FENCE_EXPORTER_IOC_SUBMIT);
        const INFO: u32 = abi::call(FENCE_EXPORTER_IOC_INFO);
        const QUERY: u32 = abi::call(FENCE_EXPORTER_IOC_QUERY);
        const EXPORT: u32 = abi::call(FENCE_EXPORTER_IOC_EXPORT);

        let arg = Arg::new(cmd, arg);
        let nonblocking = file.flags() & O_NONBLOCK != 0;
        match abi::call(cmd) {
            SETUP => timeline.set_up(arg, nonblocking)?,
            CREATE => timeline.create(arg, nonblocking)?,
            SIGNAL => timeline.signal_now(arg)?,
            SIGNAL_AT => timeline.signal_at(arg)?,
            SUBMIT => Calls::submit(timeline, arg, nonblocking)?,
            INFO => arg.write(&mut timeline.info())?,
            QUERY => arg.write(&mut timeline.query())?,
            EXPORT => timeline.export(arg)?,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }

    fn read_iter(kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let timeline = kiocb.file();
        timeline.events().read(iov, nonblocking(&kiocb))
    }

    fn show_fdinfo(timeline: ArcBorrow<'_, Timeline<Native>>, m: &SeqFile, _file: &File) {
        fdinfo::show(m, &timeline.info());
    }
}

impl PollDevice for Node {
    type Data = Arc<Common>;
    type Private = Timeline<Native>;

    fn open(_file: &File, device: &PollDeviceRegistration<Self>) -> Result<Self::Ptr> {
        let shared = device.data();
        let shown = try_pin_init!(Shown {
            name <- Published::new(Name::of_current()?),
            events <- Events::new(),
        });
        Arc::pin_init(
            Timeline::new(shown, Native::new(shared.clone())),
            GFP_KERNEL_ACCOUNT,
        )
    }

    fn poll<'a>(timeline: &'a Timeline<Native>, table: &PollTable<'a>) -> Ready {
        timeline.events().poll(table)
    }
}
