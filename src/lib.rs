//! Keeps Genesys Cloud API tokens alive against their idle timeout, or lets them lapse.

pub mod api;
pub mod config;
pub mod keeper;
pub mod observe;
pub mod sim;
pub mod token;
