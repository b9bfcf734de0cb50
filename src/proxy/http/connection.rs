//! Connections to a server: opened, through a proxy and with TLS where that is due, and used again.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::HttpTarget;
use super::forward_proxy::read_status;
use super::reach::Reach;
use super::trouble::Trouble;
use crate::limits::{HTTP_ADDRESS_WAIT, HTTP_CONNECT, HTTP_IDLE, HTTP_KEEPALIVE, MAX_HTTP_HEAD, MAX_HTTP_IDLE};
use crate::proxy::shared_session::lock_unpoisoned;
use crate::wire::http::endpoint::Scheme;

/// The body of a request: a client's line, or nothing. Whoever waits hears when it is written, or will never be.
#[derive(Debug)]
pub(super) struct LineBody {
    line: Option<Bytes>,
    sent: Option<oneshot::Sender<()>>,
}

impl LineBody {
    pub(super) fn new(line: Bytes, sent: Option<oneshot::Sender<()>>) -> Self {
        Self { line: Some(line).filter(|line| !line.is_empty()), sent }
    }
}

impl Body for LineBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let line = self.line.take();
        if line.is_none() {
            self.sent.take();
        }
        Poll::Ready(line.map(|line| Ok(Frame::data(line))))
    }

    fn is_end_stream(&self) -> bool {
        self.line.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.line.as_ref().map_or(0, |line| line.len() as u64))
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection that waits for a request, since then.
type IdleConnection = (Instant, SendRequest<LineBody>);

/// The connections to one server.
pub(super) struct Connections {
    idle: Arc<Mutex<Vec<IdleConnection>>>,
    tls: Arc<OnceLock<TlsConnector>>,
    /// How far away the server was that the last connection was opened to.
    peer: Mutex<Option<Reach>>,
}

impl Connections {
    pub(super) fn new() -> Self {
        Self { idle: Arc::default(), tls: Arc::default(), peer: Mutex::default() }
    }

    /// Connections to another server, for which the certificates are not read again.
    pub(super) fn for_another(&self) -> Self {
        Self { tls: Arc::clone(&self.tls), ..Self::new() }
    }

    /// How far away the server is, as far as is known: behind a proxy it is taken for far.
    pub(super) fn peer_reach(&self) -> Reach {
        lock_unpoisoned(&self.peer).unwrap_or(Reach::Internet)
    }

    /// Sends a request on a connection that is free, or on a new one.
    pub(super) async fn send_request(
        &self,
        target: &HttpTarget,
        mut request: Request<LineBody>,
    ) -> Result<Response<Incoming>, Trouble> {
        while let Some(mut connection) = self.take_idle() {
            match connection.try_send_request(request).await {
                Ok(response) => {
                    self.keep_when_free(connection);
                    return Ok(response);
                }
                Err(mut error) => match error.take_message() {
                    // The server had closed the connection: nothing of the request was sent.
                    Some(unsent) => request = unsent,
                    None => return Err(Trouble::from_broken(error.error())),
                },
            }
        }
        let mut connection = timeout(HTTP_CONNECT, self.open_connection(target)).await.unwrap_or_else(|_| {
            Err(Trouble::Unreached(format!("no connection within {} seconds", HTTP_CONNECT.as_secs())))
        })?;
        match connection.try_send_request(request).await {
            Ok(response) => {
                self.keep_when_free(connection);
                Ok(response)
            }
            Err(mut error) => match error.take_message() {
                Some(_) => Err(Trouble::Unreached(super::trouble::describe_error(error.error()))),
                None => Err(Trouble::from_broken(error.error())),
            },
        }
    }

    fn take_idle(&self) -> Option<SendRequest<LineBody>> {
        let mut idle = lock_unpoisoned(&self.idle);
        // A server may close what is idle at any time, and would take a request for lost that crosses its end.
        idle.retain(|(since, connection)| since.elapsed() < HTTP_IDLE && connection.is_ready());
        idle.pop().map(|(_, connection)| connection)
    }

    /// Keeps a connection for later requests, once the answer on it has been read to its end.
    fn keep_when_free(&self, mut connection: SendRequest<LineBody>) {
        let idle = Arc::clone(&self.idle);
        tokio::spawn(async move {
            if connection.ready().await.is_ok() {
                let mut idle = lock_unpoisoned(&idle);
                if idle.len() < MAX_HTTP_IDLE {
                    idle.push((Instant::now(), connection));
                }
            }
        });
    }

    async fn open_connection(&self, target: &HttpTarget) -> Result<SendRequest<LineBody>, Trouble> {
        let unreached = |error: io::Error| Trouble::from_connection(&error);
        let endpoint = &target.endpoint;
        let stream = match &target.forward_proxy {
            None => connect_to(endpoint.host(), endpoint.port(), target.least_reach).await.map_err(unreached)?,
            Some(proxy) => {
                // Other names are looked up by the proxy.
                if let Ok(address) = endpoint.host().trim_matches(['[', ']']).parse()
                    && Reach::of_address(address) < target.least_reach
                {
                    return Err(unreached(too_near(endpoint.host())));
                }
                let (host, port) = proxy.place();
                let through = |why: String| Trouble::Unreached(format!("the proxy {host}:{port} {why}"));
                let mut stream = connect_to(host, port, Reach::Machine)
                    .await
                    .map_err(|error| through(format!("cannot be reached: {error}")))?;
                let answer = ask_proxy(&mut stream, &proxy.connect_request(endpoint)).await;
                match answer.map_err(|error| through(format!("broke the connection: {error}")))? {
                    Some(200..=299) => {}
                    Some(407) => return Err(through("wants other credentials in HTTPS_PROXY".to_owned())),
                    Some(status) => return Err(through(format!("does not connect: it answered {status}"))),
                    None => return Err(through("does not speak HTTP".to_owned())),
                }
                stream
            }
        };
        let peer = stream.peer_addr().ok().filter(|_| target.forward_proxy.is_none());
        let _ = stream.set_nodelay(true);
        // A stream may be silent for hours, and nothing says that the other side has gone.
        let _ =
            socket2::SockRef::from(&stream).set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(HTTP_KEEPALIVE));
        let stream: Box<dyn Stream> = match endpoint.scheme() {
            Scheme::Http => Box::new(stream),
            Scheme::Https => {
                let host = endpoint.host().trim_matches(['[', ']']).to_owned();
                let name = ServerName::try_from(host).map_err(|error| Trouble::Unreached(error.to_string()))?;
                Box::new(self.tls()?.connect(name, stream).await.map_err(unreached)?)
            }
        };
        let broken = |error: hyper::Error| Trouble::from_connection(&error);
        let mut builder = http1::Builder::new();
        let (connection, driver) =
            builder.max_buf_size(MAX_HTTP_HEAD).handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(driver);
        // Only now is it known to be the server, where there is TLS.
        *lock_unpoisoned(&self.peer) = peer.map(|peer| Reach::of_address(peer.ip()));
        Ok(connection)
    }

    /// The system's roots are read once, before the first connection with TLS.
    fn tls(&self) -> Result<&TlsConnector, Trouble> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let found = rustls_native_certs::load_native_certs();
        let mut roots = rustls::RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let why = found.errors.first().map_or("the system has none".to_owned(), ToString::to_string);
            return Err(Trouble::Untrusted(format!("there are no certificates to trust here ({why})")));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| Trouble::Unreached(error.to_string()))?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(self.tls.get_or_init(|| TlsConnector::from(Arc::new(config))))
    }
}

/// Connects to the first address that answers, giving each a moment before the next is tried too (RFC 8305).
async fn connect_to(host: &str, port: u16, least: Reach) -> io::Result<TcpStream> {
    let mut addresses = find_addresses(host, port).await?;
    let found = addresses.len();
    addresses.retain(|address| Reach::of_address(address.ip()) >= least);
    if addresses.len() < found {
        // Not even by another of its addresses: a name that has both kinds is meant to mislead.
        return Err(too_near(host));
    }
    let mut attempts = tokio::task::JoinSet::new();
    let mut waiting = addresses.into_iter();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(TcpStream::connect(address));
        }
        tokio::select! {
            Some(done) = attempts.join_next() => match done {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(error) => last = error.into(),
            },
            () = sleep(HTTP_ADDRESS_WAIT), if waiting.len() > 0 => {}
            else => return Err(last),
        }
        if attempts.is_empty() && waiting.len() == 0 {
            return Err(last);
        }
    }
}

fn too_near(host: &str) -> io::Error {
    let why = format!(
        "{host} is in a network, or on a machine, to which the MCP server must not lead: it is not there itself"
    );
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

/// The addresses of a host, of both kinds in turn. `localhost` is this machine, whatever a name server says.
async fn find_addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if host == "localhost" {
        let own: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(own.map(|address| SocketAddr::new(address, port)).into());
    }
    let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await;
    let found =
        found.map_err(|error| io::Error::new(error.kind(), format!("the name {host} was not found: {error}")))?;
    let (six, four): (Vec<_>, Vec<_>) = found.partition(SocketAddr::is_ipv6);
    let (mut six, mut four) = (six.into_iter(), four.into_iter());
    let mut addresses = Vec::new();
    loop {
        let before = addresses.len();
        addresses.extend(six.next());
        addresses.extend(four.next());
        if addresses.len() == before {
            return Ok(addresses);
        }
    }
}

/// Asks a proxy to connect us, and returns the status that it answers with. A byte at a time: what comes after its answer is the
/// server's.
async fn ask_proxy(stream: &mut TcpStream, request: &str) -> io::Result<Option<u16>> {
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HTTP_HEAD {
            return Ok(None);
        }
        head.push(stream.read_u8().await?);
    }
    Ok(read_status(&head))
}
