//! Why a command ended early, and its exit code.

use std::io;
use std::process::ExitCode;

use bayou_core::node::NodeError;
use bayou_core::rpc::{ErrorCode, RpcError};

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something to tell.
    Told(RpcError),
    /// Nobody reads our output any more (`bayou log … | head`): no error.
    OutputClosed,
}

impl Failure {
    /// Makes a failure of the one who asked.
    pub(crate) fn invalid(message: impl Into<String>) -> Failure {
        Failure::Told(RpcError::new(ErrorCode::Invalid, message))
    }

    /// Makes a failure of what is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Failure {
        Failure::Told(RpcError::new(ErrorCode::NotFound, message))
    }

    /// Makes a failure of this machine.
    pub(crate) fn machine(message: impl Into<String>) -> Failure {
        Failure::Told(RpcError::new(ErrorCode::Machine, message))
    }

    /// Makes the failure for an answer to another question: front end and peer are of different versions.
    pub(crate) fn unexpected() -> Failure {
        Failure::machine(
            "the running peer gave an answer that this program does not know: run the same version of both",
        )
    }

    /// Returns the exit code; documented in `--help` and `docs/cli.md`.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::OutputClosed => 0,
            Failure::Told(error) => match error.code {
                ErrorCode::Invalid => 2,
                ErrorCode::NotFound => 3,
                ErrorCode::NotAllowed => 4,
                ErrorCode::Machine => 5,
                ErrorCode::Locked => 6,
            },
        })
    }
}

impl From<RpcError> for Failure {
    fn from(error: RpcError) -> Self {
        Failure::Told(error)
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        Failure::Told(RpcError::new(error.code(), error.to_string()))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::machine(error.to_string()),
        }
    }
}
