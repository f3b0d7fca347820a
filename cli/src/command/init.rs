use std::path::Path;

use crate::failure::Failure;
use crate::output::{Output, short};

/// Make a home: the keys and the empty store of a new peer
#[derive(clap::Args)]
pub(crate) struct Init {
    /// How others will see you
    #[arg(long, value_name = "NAME")]
    name: String,
}

impl Init {
    pub(crate) fn run(self, home: &Path, output: &Output) -> Result<(), Failure> {
        let made = bayou_core::node::init(home, &self.name)?;
        let (device, peer) = (made.device.to_string(), made.peer.to_string());
        let object = serde_json::json!({ "name": made.name, "device": device, "peer": peer, "home": home });
        output.say(&object, || {
            let (home, device) = (home.display(), short(&device));
            format!("{} lives in {home} now, on device {device}\nnext: bayou new TITLE begins a conversation, bayou join LINK joins one", made.name)
        })
    }
}
