//! thrivecart.
