//! Proofs that others verify by themselves: `GET /v1/receipts/{id}`, `GET /v1/accounts/{address}/proof`, `GET
//! /v1/headers`, `GET /v1/validator-sets/{hash}`. SPEC RCPT-4.

use super::accounts::parse_address;
use crate::api::ApiState;
use crate::api::paging::{HEADERS, heights, part_of, place_of_height};
use crate::api::problem::ApiError;
use crate::store::history::NoReceipt;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use blockchat_client::shapes::{ApiCode, BlocksRequest, HeaderView, Page, TrustRequest};
use blockchat_proto::hash::Hash32;
use blockchat_proto::receipt::Receipt;
use blockchat_proto::refusal::Retry;
use blockchat_proto::sync::CertifiedHeader;
use blockchat_proto::units::Height;
use blockchat_proto::validators::Member;

/// Proof that a transaction is final.
pub(in crate::api) async fn receipt(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    query: Result<Query<TrustRequest>, QueryRejection>,
) -> Result<Json<Receipt>, ApiError> {
    let id: Hash32 =
        id.parse().map_err(|reason| ApiError::new(ApiCode::BadTransactionId, format!("{id:?}: {reason}")))?;
    let TrustRequest { trust } = trust(query)?;
    match state.blocks.receipt(id, trust, state.genesis.clone()).await? {
        Some(receipt) => Ok(Json(receipt.map_err(refused)?)),
        None => Err(not_final(&state, id).await?),
    }
}

async fn not_final(state: &ApiState, id: Hash32) -> Result<ApiError, ApiError> {
    let next = state.engine.view().tip.height.next();
    Ok(match state.engine.transaction(id).await? {
        Some(_) => ApiError::new(ApiCode::NotFinal, format!("transaction {id} is not final: there is no receipt yet"))
            .retry(Retry::AtHeight(next)),
        None => {
            let detail = format!("transaction {id} is neither final, nor pooled, nor refused lately on this node");
            ApiError::new(ApiCode::TransactionUnknown, detail)
        }
    })
}

/// Proof of what an account holds after the last block.
pub(in crate::api) async fn account(
    State(state): State<ApiState>,
    Path(address): Path<String>,
    query: Result<Query<TrustRequest>, QueryRejection>,
) -> Result<Json<Receipt>, ApiError> {
    let address = parse_address(&address)?;
    let TrustRequest { trust } = trust(query)?;
    let (height, proof) = state.engine.proof(address).await?;
    if height == Height(0) {
        let detail = "there is no block yet: the state is that of the genesis, and nobody has signed it";
        return Err(ApiError::new(ApiCode::NotFinal, detail).retry(Retry::AtHeight(Height(1))));
    }
    let receipt = state.blocks.account_receipt(height, proof, trust, state.genesis.clone()).await;
    Ok(Json(receipt.map_err(refused)?))
}

/// Headers with their certificates, newest first.
pub(in crate::api) async fn headers(
    State(state): State<ApiState>,
    query: Result<Query<BlocksRequest>, QueryRejection>,
) -> Result<Json<Page<HeaderView>>, ApiError> {
    let wanted = part_of(query)?;
    let part = HEADERS.wanted(wanted.part())?;
    let (from, to) = heights(wanted.from, wanted.to)?;
    let below = part.height()?.map_or(to, |last| Height(last.0.saturating_sub(1)));
    let newest = state.engine.view().tip.height.min(to).min(below);
    let found = state.blocks.headers(from.max(Height(1)), newest, part.limit).await?;
    let next = found.last().filter(|last| last.header.height > from.max(Height(1))).map(|last| last.header.height);
    let items = found.into_iter().map(|CertifiedHeader { header, certificate }| HeaderView { header, certificate });
    Ok(Json(HEADERS.page_up_to(items.collect(), next.map(place_of_height))))
}

/// The members behind a hash that headers name.
pub(in crate::api) async fn validator_set(
    State(state): State<ApiState>,
    Path(hash): Path<String>,
) -> Result<Json<Vec<Member>>, ApiError> {
    let unknown = |detail: String| ApiError::new(ApiCode::SetUnknown, detail);
    let hash: Hash32 = hash.parse().map_err(|reason| unknown(format!("{hash:?}: {reason}")))?;
    let members = state.blocks.members(hash).await?;
    members.map(Json).ok_or_else(|| unknown(format!("no final block names the validator set {hash}")))
}

fn trust(query: Result<Query<TrustRequest>, QueryRejection>) -> Result<TrustRequest, ApiError> {
    let Query(wanted) = query.map_err(|rejection| ApiError::new(ApiCode::BadQuery, rejection.body_text()))?;
    Ok(wanted)
}

fn refused(reason: NoReceipt) -> ApiError {
    match reason {
        NoReceipt::Store(fault) => fault.into(),
        NoReceipt::NoOrigin { .. } => ApiError::new(ApiCode::BadQuery, reason.to_string()),
        NoReceipt::TooLong => {
            let detail = format!("{reason}; begin at a later block whose hash you trust: ?trust=HEIGHT");
            ApiError::new(ApiCode::ReceiptTooLong, detail)
        }
    }
}
