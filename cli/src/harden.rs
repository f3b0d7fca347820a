//! Keeps this process's memory off the disk and away from others: it holds keys and texts.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Has no core dump written, whatever happens, and lets no other process of the same user look into this one.
pub(crate) fn keep_memory_private() -> std::io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // A program that the kernel pipes core dumps to need not heed the limit; it does not get those of an undumpable one.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
