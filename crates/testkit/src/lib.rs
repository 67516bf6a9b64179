//! What tests share. Start reading at [`postgres`], the throw-away databases.

pub mod postgres;
