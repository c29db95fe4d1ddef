//! Getting and renewing access tokens: what the client's driver does around [`fil_client::grant::Grant`], and what the
//! server's edge does around its tokens.

use fil_client::grant::Next;
use fil_engine::Input;
use fil_protocol::http::Session;
use fil_protocol::{ClientFrame, ErrorCode, ProtocolError, ServerFrame};
use fil_server::node::ConnectionId;

use super::{Due, Exchange, World};
use crate::device::Purpose;
use crate::fault::Fault;
use crate::network::Side;

/// How long a request may stay without an answer, in milliseconds.
const ANSWER_MS_MAX: u64 = 10_000;
/// How long to wait before trying again to renew the token of a connection that is open, in milliseconds.
const RENEW_AGAIN_MS: u64 = 10_000;

impl World {
    /// Somebody needs another access token. One request at a time: others wait for the one that is under way.
    pub(super) fn want_token(&mut self, index: usize, purpose: Purpose) {
        let device = &mut self.devices[index];
        device.wants.push(purpose);
        if device.wants.len() > 1 {
            return;
        }
        loop {
            match device.grant.next() {
                Next::Keep(_) if device.disk_fails => {
                    let (boot, at_ms) = (device.boot, self.now_ms + 1);
                    self.put(at_ms, Due::RefreshFails { index, boot });
                    return;
                }
                Next::Keep(token) => {
                    device.kept_token = token;
                    device.grant.kept();
                }
                Next::Load => device.grant.loaded(device.kept_token.clone()),
                Next::Present(token) => {
                    let boot = device.boot;
                    let at_ms = self.now_ms + self.chance.network.between(1, 40);
                    self.put(at_ms, Due::Refresh { index, boot, token });
                    return;
                }
            }
        }
    }

    /// A refresh token arrives at the server.
    pub(super) fn take_refresh(&mut self, index: usize, boot: u64, token: &str) {
        let reachable = self.server.is_up() && self.devices[index].cut_off_until_ms <= self.now_ms;
        let device = self.devices[index].actor.device;
        match reachable.then(|| self.server.refresh(self.now_ms, device, token)).flatten() {
            Some(answer) => self.exchanges.push(Exchange { index, boot, answer }),
            None => self.put(self.now_ms + 50, Due::RefreshFails { index, boot }),
        }
    }

    /// The server has committed: what it answers to refreshes is on its way, or lost.
    pub(super) fn answer_refreshes(&mut self) -> Result<(), String> {
        for Exchange { index, boot, answer } in std::mem::take(&mut self.exchanges) {
            let answer = answer.lock().map_err(|error| error.to_string())?.take();
            let Some(answer) = answer else {
                // The server ended before it took the request.
                self.put(self.now_ms + 50, Due::RefreshFails { index, boot });
                continue;
            };
            if self.chance.network.permille(self.faults.get(Fault::LostRefresh)) {
                self.network.strike(Fault::LostRefresh);
                self.put(self.now_ms + ANSWER_MS_MAX, Due::RefreshFails { index, boot });
                continue;
            }
            self.refreshed(index, boot, &answer.map_err(Some))?;
        }
        Ok(())
    }

    /// The server went down with what it had not answered.
    pub(super) fn drop_refreshes(&mut self) {
        for Exchange { index, boot, .. } in std::mem::take(&mut self.exchanges) {
            self.put(self.now_ms + 50, Due::RefreshFails { index, boot });
        }
    }

    /// A refresh has ended: whoever waited for it goes on.
    pub(super) fn refreshed(
        &mut self,
        index: usize,
        boot: u64,
        answer: &Result<Session, Option<ProtocolError>>,
    ) -> Result<(), String> {
        let device = &mut self.devices[index];
        if device.boot != boot || !device.is_on() {
            return Ok(());
        }
        let wants = std::mem::take(&mut device.wants);
        if let Ok(session) = answer {
            let now_ms = device.now(self.now_ms).monotonic_ms;
            device.grant.granted(now_ms, session);
            if !device.disk_fails {
                device.kept_token.clone_from(&session.refresh_token);
                device.grant.kept();
            }
        }
        for purpose in wants {
            if !self.devices[index].is_on() || !self.purpose_is_current(index, purpose) {
                continue;
            }
            match (answer, purpose) {
                (Ok(_), Purpose::Connect(_)) => self.open(index),
                (Ok(session), Purpose::Renew(connection)) => {
                    let token = session.access_token.clone();
                    self.send(index, &ClientFrame::Renew { token })?;
                    self.renew_later(index, connection);
                }
                (Err(error), Purpose::Connect(_)) => self.step(index, Input::Disconnected { error: error.clone() })?,
                (Err(_), Purpose::Renew(connection)) => {
                    self.put(self.now_ms + RENEW_AGAIN_MS, Due::Renew { index, connection });
                }
            }
        }
        Ok(())
    }

    /// The token of a connection ends soon.
    pub(super) fn renew(&mut self, index: usize, connection: ConnectionId) -> Result<(), String> {
        let device = &self.devices[index];
        if device.connection == Some(connection) && device.is_on() && device.asleep_since_ms.is_none() {
            self.want_token(index, Purpose::Renew(connection));
        }
        Ok(())
    }

    /// Plans the renewal of the token that a connection has now.
    pub(super) fn renew_later(&mut self, index: usize, connection: ConnectionId) {
        let device = &self.devices[index];
        let Some(access) = device.grant.access_after("") else { return };
        let in_ms = access.renew_at_ms.saturating_sub(device.now(self.now_ms).monotonic_ms);
        self.put(self.now_ms + in_ms.max(1), Due::Renew { index, connection });
    }

    /// A connection brings a new token; a bad one ends it.
    pub(super) fn renewed(&mut self, connection: ConnectionId, index: usize, token: &str) {
        match self.server.renewed(self.now_ms, self.devices[index].actor, token) {
            Ok(expires_ms) => self.expire_at(connection, expires_ms),
            Err(code) => self.edge_refuses(connection, code),
        }
    }

    /// The server ends a connection whose token expires then.
    pub(super) fn expire_at(&mut self, connection: ConnectionId, expires_ms: u64) {
        self.expires.insert(connection, expires_ms);
        self.put(expires_ms, Due::Expire(connection));
    }

    /// A token may have expired, unless another one came.
    pub(super) fn expire(&mut self, connection: ConnectionId) {
        if self.expires.get(&connection).is_some_and(|expires_ms| *expires_ms <= self.now_ms) && self.server.is_up() {
            if self.faults.has(Fault::TokenExpiry) {
                self.struck(Fault::TokenExpiry);
            }
            self.edge_refuses(connection, ErrorCode::TokenExpired);
        }
    }

    /// The server's edge says why, and closes.
    pub(super) fn edge_refuses(&mut self, connection: ConnectionId, code: ErrorCode) {
        self.expires.remove(&connection);
        if self.network.device(connection).is_none() {
            return;
        }
        let frame = ServerFrame::Error { request: None, error: ProtocolError::new(code, "refused by the edge") };
        self.carry(connection, Side::Device, frame.encode());
        self.network.close_gracefully(connection);
        self.server.forget(connection);
    }
}
