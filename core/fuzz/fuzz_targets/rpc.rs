//! Lines of the local socket, without end: calls, answers and events. Run it as `gate`'s head says.
//!
//! Reading has no memory: the same line is the same call.

#![no_main]

use bayou_core::rpc::wire::{Lines, read_call, read_incoming};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut lines = Lines::default();
    lines.buffer().extend_from_slice(input);
    while let Ok(Some(line)) = lines.take() {
        if let Ok((id, request)) = read_call(&line) {
            assert_eq!(read_call(&line), Ok((id, request)));
        }
        drop(read_incoming(&line));
    }
});
