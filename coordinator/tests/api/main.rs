//! The API as its clients meet it: a real server on a free loopback port, with a real coordinator behind it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

extern crate kindred_coordinator as coordinator;

mod abuse;
mod access;
mod pages;
mod schedules;
mod served;
mod submissions;
mod tls;
