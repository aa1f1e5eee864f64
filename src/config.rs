//! Configuration: what was written becomes what is meant, or errors that point at the line.

mod meant;

pub use meant::{
    ApiBase, Config, HttpConfig, LogConfig, LogFormat, LogLevel, NotASessionName, NotAnApiBase,
    Proxy, ProxyUrl, SessionConfig, SessionName, ShutdownConfig, Trust,
};
