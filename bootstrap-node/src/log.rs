//! The log: what *we* say, one JSON object a line, or as text.
//!
//! The libraries below us name addresses and peers, so they are silent unless somebody asks for them by name in
//! `BAYOU_LOG` (as `libp2p_swarm=debug`).

use std::fmt::{self, Debug};
use std::io;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock;
use crate::config::Log;

/// Begins to log.
pub(crate) fn begin(config: &Log) {
    let ours = format!("off,bayou_bootstrap={level},bayou_core={level}", level = config.level);
    let filter = EnvFilter::try_from_env("BAYOU_LOG").unwrap_or_else(|_| EnvFilter::new(ours));
    // A line that cannot be written (the disk of the log is full, too) is lost; a complaint about it to the same place would
    // end whoever wanted to say something.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    if config.json {
        log.event_format(Json).init();
    } else {
        log.with_target(false).init();
    }
}

/// Writes an event as one JSON object: `time_ms`, `level`, `message`, and its fields.
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields(Map::new());
        fields.0.insert("time_ms".into(), clock::now().into());
        fields.0.insert("level".into(), event.metadata().level().as_str().into());
        event.record(&mut fields);
        writeln!(writer, "{}", Value::Object(fields.0))
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }
}
