use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use bayou_core::rpc::{BUNDLE_MAGIC, Base64, BundleBlock, ErrorCode, MAX_BUNDLE_BLOCK, Reply, Request, RpcError};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::peer::Peer;
use crate::unlock::Home;

/// Carry a conversation by hand: what others lack of it, as a sealed file
///
/// Whoever finds the file can read nothing of it. Importing twice is harmless.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Write a file that other members can import
    Export {
        /// The conversation
        #[arg(value_name = "CONV")]
        conversation: String,

        /// The file
        file: PathBuf,

        /// Only this member can open it [default: all of them]
        #[arg(long = "for", value_name = "MEMBER")]
        member: Option<String>,

        /// Put in what they are known to have, too
        #[arg(long)]
        all: bool,
    },
    /// Take in what is new in a file
    Import {
        /// The file
        file: PathBuf,
    },
}

/// What was written.
#[derive(Serialize)]
struct Exported {
    bytes: u64,
}

/// What was new.
#[derive(Serialize)]
struct Imported {
    conversation: String,
    changes: u64,
    records: u64,
    early: bool,
}

impl Command {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let peer = Peer::reach(home).await?;
        let done = match self.what {
            What::Export { conversation, file, member, all } => {
                let request = Request::ExportBundle { conversation, member, all };
                export(&peer, request, &file).await.map(|exported| {
                    output.say(&exported, || {
                        format!("{} bytes written: bayou bundle import, on their side", exported.bytes)
                    })
                })
            }
            What::Import { file } => {
                import(&peer, &file).await.map(|imported| output.say(&imported, || words(&imported)))
            }
        };
        peer.leave().await;
        done?
    }
}

fn words(Imported { changes, records, early, .. }: &Imported) -> String {
    let waits = if *early { "; some of it waits for what is not here yet" } else { "" };
    match (changes, records) {
        (0, 0) => format!("nothing new: all of it was here already{waits}"),
        (changes, 0) => format!("{changes} changes were new{waits}"),
        (changes, records) => format!("{changes} changes and {records} records were new{waits}"),
    }
}

async fn export(peer: &Peer, request: Request, path: &Path) -> Result<Exported, Failure> {
    let mut next = block(peer, request).await?;
    let mut file = BufWriter::new(File::create(path).map_err(|error| about(path, &error.to_string()))?);
    file.write_all(BUNDLE_MAGIC)?;
    let mut bytes = BUNDLE_MAGIC.len() as u64;
    loop {
        let BundleBlock { bundle, block: Base64(block), more } = next;
        let length = u32::try_from(block.len()).map_err(|_| Failure::unexpected())?;
        file.write_all(&length.to_be_bytes())?;
        file.write_all(&block)?;
        bytes += 4 + u64::from(length);
        if !more {
            break;
        }
        next = self::block(peer, Request::ContinueBundle { bundle }).await?;
    }
    // Who pulls a stick out when the command has ended has the file on it.
    file.into_inner().map_err(|error| about(path, &error.to_string()))?.sync_all()?;
    Ok(Exported { bytes })
}

async fn block(peer: &Peer, request: Request) -> Result<BundleBlock, Failure> {
    match peer.call(request).await? {
        Reply::Bundle(block) => Ok(block),
        _ => Err(Failure::unexpected()),
    }
}

async fn import(peer: &Peer, path: &Path) -> Result<Imported, Failure> {
    let mut file = Blocks::open(path)?;
    let Some(head) = file.next()? else { return Err(file.damaged()) };
    let mut all = Imported { conversation: String::new(), changes: 0, records: 0, early: false };
    let mut number = 0;
    loop {
        let at = file.at;
        let Some(piece) = file.next()? else { return Err(file.damaged()) };
        let last = file.is_at_end()?;
        let request = Request::ImportBundle { head: Base64(head.clone()), number, last, piece: Base64(piece) };
        match peer.call(request).await {
            Ok(Reply::Imported { conversation, changes, records, early }) => {
                (all.conversation, all.early) = (conversation, all.early || early);
                (all.changes, all.records) = (all.changes + changes, all.records + records);
            }
            Ok(_) => return Err(Failure::unexpected()),
            Err(error) if number > 0 && error.code == ErrorCode::Invalid => return Err(file.damaged_at(at)),
            Err(error) => return Err(error.into()),
        }
        number += 1;
        if last {
            return Ok(all);
        }
    }
}

/// A bundle's blocks, one after the other.
struct Blocks<'a> {
    path: &'a Path,
    file: BufReader<File>,
    /// How many bytes were read.
    at: u64,
}

impl<'a> Blocks<'a> {
    fn open(path: &'a Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| about(path, &error.to_string()))?;
        let mut blocks = Blocks { path, file: BufReader::new(file), at: 0 };
        let mut magic = [0; BUNDLE_MAGIC.len()];
        match blocks.file.read_exact(&mut magic) {
            Ok(()) if magic == *BUNDLE_MAGIC => {
                blocks.at = magic.len() as u64;
                Ok(blocks)
            }
            _ => Err(about(path, "this is not a bundle, or one of a newer version of Bayou")),
        }
    }

    /// Reads the next block; `None` where the file ends.
    fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if self.is_at_end()? {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.file.read_exact(&mut length).map_err(|_| self.damaged())?;
        let length = u32::from_be_bytes(length);
        if length > MAX_BUNDLE_BLOCK {
            return Err(self.damaged());
        }
        let mut block = vec![0; length as usize];
        self.file.read_exact(&mut block).map_err(|_| self.damaged())?;
        self.at += 4 + u64::from(length);
        Ok(Some(block))
    }

    fn is_at_end(&mut self) -> Result<bool, Failure> {
        Ok(self.file.fill_buf()?.is_empty())
    }

    fn damaged(&self) -> Failure {
        self.damaged_at(self.at)
    }

    fn damaged_at(&self, at: u64) -> Failure {
        about(self.path, &format!("the bundle is damaged at byte {at}; what came before is in: copy the file again"))
    }
}

fn about(path: &Path, what: &str) -> Failure {
    Failure::Told(RpcError::new(ErrorCode::Invalid, format!("{}: {what}", path.display())))
}
