//! The edge over real sockets: one test per concern (PL-28).

mod examples;
mod fuzz;
mod grpc;
mod http_client;
mod identity;
mod input;
mod lifecycle;
mod limits;
mod logs;
mod pages;
mod replies;
mod routing;
mod streams;
mod test_edge;
