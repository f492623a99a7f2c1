//! `GET /v1/peers` and `GET /v1/peers/known`, each with `?limit=&cursor=`.

use crate::api::ApiState;
use crate::api::paging::{PEERS, PEERS_KNOWN, PageQuery};
use crate::api::problem::ApiError;
use axum::Json;
use axum::extract::State;
use blockchat_client::shapes::{ApiCode, KnownPeerView, Page, PeerView};
use tokio::sync::oneshot;

/// Connected peers of this chain, by peer id.
pub(in crate::api) async fn peers(
    State(state): State<ApiState>,
    query: PageQuery,
) -> Result<Json<Page<PeerView>>, ApiError> {
    let part = PEERS.part(query)?;
    let peers = state.info.peers.borrow().clone();
    Ok(Json(PEERS.page_of_all(&part, peers, |peer| peer.peer_id.clone().into_bytes())))
}

/// All peers that the node knows of, by peer id, after the addresses at which none has answered: it asks its network, because the list may be long and is seldom wanted.
pub(in crate::api) async fn known(
    State(state): State<ApiState>,
    query: PageQuery,
) -> Result<Json<Page<KnownPeerView>>, ApiError> {
    let part = PEERS_KNOWN.part(query)?;
    let stopping = || ApiError::new(ApiCode::Stopping, "the node is stopping");
    let (answer, known) = oneshot::channel();
    state.info.known.send(answer).await.map_err(|_| stopping())?;
    let known = known.await.map_err(|_| stopping())?;
    Ok(Json(PEERS_KNOWN.page_of_all(&part, known, place_of_known)))
}

/// Addresses at which no peer has answered come first, and then peers.
fn place_of_known(peer: &KnownPeerView) -> Vec<u8> {
    match (&peer.peer_id, peer.addresses.first()) {
        (Some(id), _) => id.clone().into_bytes(),
        (None, Some(address)) => address.clone().into_bytes(),
        (None, None) => vec![],
    }
}
