//! Parcels and bundles, without end: what comes out of an envelope, and what lies on a stick. Run it as `gate`'s head says.

#![no_main]

use bayou_core::envelope::{Head, Parcel};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(parcel) = Parcel::decode(input) {
        assert_eq!(parcel.encode(), input, "a parcel has one form");
        assert!(parcel.segments().len() <= parcel.parts.len());
    }
    assert!(Head::open(input).is_err(), "nobody signed this");
});
