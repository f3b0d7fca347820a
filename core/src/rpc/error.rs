//! Why a call failed.

use serde::{Deserialize, Serialize};

/// Why a call failed. The message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[error("{message}")]
pub struct RpcError {
    /// The kind of failure.
    pub code: ErrorCode,
    /// In words, with what to do about it.
    pub message: String,
}

/// The kinds of failure: JSON-RPC's `error.code` and the exit code of `bayou`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS), ts(type = "number"))]
#[serde(into = "i32", try_from = "i32")]
pub enum ErrorCode {
    /// The request makes no sense. (exit code 2)
    Invalid,
    /// What was named does not exist, or the abbreviation fits several. (exit code 3)
    NotFound,
    /// It is another's to do. (exit code 4)
    NotAllowed,
    /// This machine failed: disk full, no permission, home in use. (exit code 5)
    Machine,
    /// The home is locked: no passphrase or a wrong one, or its keyring is silent. (exit code 6)
    Locked,
    /// Somebody who reads there is to be confirmed first. (exit code 7)
    Unconfirmed,
}

impl From<ErrorCode> for i32 {
    fn from(code: ErrorCode) -> i32 {
        match code {
            ErrorCode::Invalid => -32602,
            ErrorCode::NotFound => -32001,
            ErrorCode::NotAllowed => -32002,
            ErrorCode::Machine => -32003,
            ErrorCode::Locked => -32004,
            ErrorCode::Unconfirmed => -32005,
        }
    }
}

impl TryFrom<i32> for ErrorCode {
    type Error = String;

    fn try_from(code: i32) -> Result<Self, String> {
        match code {
            // JSON-RPC's own codes: not JSON, not a call, no such method, wrong parameters.
            -32700 | -32600 | -32601 | -32602 => Ok(ErrorCode::Invalid),
            -32001 => Ok(ErrorCode::NotFound),
            -32002 => Ok(ErrorCode::NotAllowed),
            -32003 => Ok(ErrorCode::Machine),
            -32004 => Ok(ErrorCode::Locked),
            -32005 => Ok(ErrorCode::Unconfirmed),
            other => Err(format!("unknown error code {other}")),
        }
    }
}

impl RpcError {
    /// Makes an error.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        RpcError { code, message: message.into() }
    }
}
