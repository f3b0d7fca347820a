use bayou_core::rpc::{Holder, Reply, Request, Whereabouts};

use crate::failure::Failure;
use crate::output::{Output, clean_line, short};
use crate::peer;
use crate::unlock::Home;

/// Tell where a message is, and why it has not arrived elsewhere
#[derive(clap::Args)]
pub(crate) struct Why {
    /// The message
    #[arg(value_name = "MSG")]
    message: String,
}

impl Why {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let reply = peer::ask(home, Request::MessageStatus { message: self.message }).await?;
        let Reply::Whereabouts { whereabouts } = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || lines(whereabouts))
    }
}

fn lines(whereabouts: &Whereabouts) -> String {
    let Whereabouts { message, says, fate, devices, .. } = whereabouts;
    let mut lines = vec![format!("{}  {}", short(message), clean_line(says))];
    lines.extend((!fate.is_empty()).then(|| fate.join(", ")));
    lines.extend(devices.iter().map(line));
    lines.join("\n")
}

fn line(holder: &Holder) -> String {
    let has = match holder.has {
        Some(true) => "has it, ",
        Some(false) => "lacks it, ",
        None => "",
    };
    format!("  {}, device {}: {has}{}", clean_line(&holder.name), short(&holder.device), clean_line(&holder.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lacks_a_message_has_a_line_with_how_they_are_reached() {
        let holder = |name: &str, has, path: &str| Holder {
            user: "ee".repeat(32),
            name: name.into(),
            device: "d00d".repeat(16),
            has,
            path: path.into(),
        };
        let whereabouts = Whereabouts {
            message: "77d0".repeat(16),
            conversation: "3f9a".repeat(16),
            state: "with 1 of 2".into(),
            kept: true,
            fate: vec!["hidden".into()],
            says: "kept here, and on 1 of 2 other devices".into(),
            devices: vec![holder("bob", Some(true), "linked directly"), holder("eve", Some(false), "never linked")],
        };
        let expected = "\
77d077d0  kept here, and on 1 of 2 other devices
hidden
  bob, device d00dd00d: has it, linked directly
  eve, device d00dd00d: lacks it, never linked";
        assert_eq!(lines(&whereabouts), expected);
    }
}
