//! What one live change costs on its way in, as far as it is computed: from the frame to the rows. Without the disk.
//!
//! One JSON line a figure. `cargo bench -p bayou-core --no-default-features --bench inbound`

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::{Duration, Instant};

use bayou_core::conversation::{
    ChainHeader, Genesis, Outcome, Payload, Place, Record, Segment, SegmentId, Sent, Vector, Verified, draft, sign,
};
use bayou_core::crypto::DeviceKey;
use bayou_core::envelope::Frame;
use bayou_core::id::{ActorId, ConversationId};
use bayou_core::time::Hlc;
