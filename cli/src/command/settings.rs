use bayou_core::rpc::{Reply, Request};

use crate::failure::Failure;
use crate::output::{Output, clean_line};
use crate::peer;
use crate::unlock::Home;

/// Show your settings, or change one, for all your devices
///
/// They are for front ends: what to look like, and what to tell others.
#[derive(clap::Args)]
pub(crate) struct Settings {
    /// Which one
    key: Option<String>,

    /// What it is to be
    #[arg(conflicts_with = "reset")]
    value: Option<String>,

    /// Make it what it was in the beginning
    #[arg(long, requires = "key")]
    reset: bool,
}

impl Settings {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let changes = self.value.is_some() || self.reset;
        let request = Request::Settings { key: self.key.clone().filter(|_| changes), value: self.value };
        let reply = peer::ask(home, request).await?;
        let Reply::Settings { settings } = &reply else { return Err(Failure::unexpected()) };
        let shown = |name: &str| self.key.as_deref().is_none_or(|key| key == name);
        if !settings.keys().any(|name| shown(name)) {
            return Err(Failure::not_found("no such setting: `bayou settings` lists them"));
        }
        output.say(&reply, || {
            let lines = settings.iter().filter(|(name, _)| shown(name));
            lines.map(|(name, value)| format!("{name}  {}", clean_line(value))).collect::<Vec<_>>().join("\n")
        })
    }
}
