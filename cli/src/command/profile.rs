use std::path::{Path, PathBuf};

use bayou_core::rpc::{Reply, Request};
use data_encoding::BASE64;

use crate::failure::Failure;
use crate::output::{Output, clean_line, short};
use crate::peer;
use crate::unlock::Home;

/// Far more than any picture that a peer takes.
const MAX_PICTURE: u64 = 1024 * 1024;

/// Show how you show yourself to those you share a conversation with, or change it
#[derive(clap::Args)]
pub(crate) struct Profile {
    /// What you call yourself
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// What you are up to, at most 140 bytes; empty: nothing
    #[arg(long, value_name = "TEXT")]
    status: Option<String>,

    /// Your picture: PNG, JPEG or WebP, at most 16 KiB
    ///
    /// It is shown as it is: what else the file says of you (a place, a camera) goes with it.
    #[arg(long, value_name = "FILE", conflicts_with = "no_avatar")]
    avatar: Option<PathBuf>,

    /// No picture any more
    #[arg(long)]
    no_avatar: bool,
}

impl Profile {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let avatar = match &self.avatar {
            Some(path) => Some(picture(path)?),
            None => self.no_avatar.then(String::new),
        };
        let reply = peer::ask(home, Request::Profile { name: self.name, status: self.status, avatar }).await?;
        let Reply::Profile { profile } = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || {
            let status =
                if profile.status.is_empty() { String::new() } else { format!(": {}", clean_line(&profile.status)) };
            let avatar = if profile.avatar.is_some() { ", with a picture" } else { "" };
            format!("{}  {}{status}{avatar}", short(&profile.user), clean_line(&profile.name))
        })
    }
}

fn picture(path: &Path) -> Result<String, Failure> {
    let unread = |error: std::io::Error| Failure::invalid(format!("{} cannot be read: {error}", path.display()));
    if std::fs::metadata(path).map_err(unread)?.len() > MAX_PICTURE {
        return Err(Failure::invalid("this picture is far too large: it may have 16 KiB"));
    }
    Ok(BASE64.encode(&std::fs::read(path).map_err(unread)?))
}
