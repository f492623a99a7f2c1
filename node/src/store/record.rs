//! The bytes of the larger values in the store, each with a checksum: what does not match is damage and is never served.
//!
//! A block record is `crc32 u32be, length of the certificate u32be, certificate, frame`, both canonical. The checksum
//! covers the height too, so that a record under a wrong height is noticed. The transactions lie elsewhere, once
//! (`body`). A sealed value is `crc32 u32be, value`.

use blockchat_proto::block::{Block, Header, VerifiedBlock};
use blockchat_proto::codec;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{AppliedBlock, System, Tip};
use blockchat_proto::limits;
use blockchat_proto::transaction::SignedTransaction;
use blockchat_proto::units::Height;
use blockchat_proto::vote::{Certificate, Evidence, LatePrecommits};
use serde::{Deserialize, Serialize};

const CRC_BYTES: usize = 4;
const LENGTH_BYTES: usize = 4;
/// Longest [`TipRecord`]: 128 validators and 128 recent blocks of about 60 bytes each.
const TIP_BYTES_MAX: usize = 64 * 1024;
/// Longest [`Frame`]: whatever a block may hold beside transactions.
const FRAME_BYTES_MAX: usize = limits::BLOCK_BYTES_MAX;

/// A final block as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlock {
    /// The block.
    pub block: Block,
    /// Proof that it is final.
    pub certificate: Certificate,
    /// Its hash.
    pub hash: Hash32,
    /// Length of its canonical bytes.
    pub bytes: usize,
}

/// A final block without its transactions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Frame {
    header: Header,
    /// Number of its transactions.
    pub(super) transactions: u32,
    /// Length of the canonical bytes of the whole block.
    pub(super) bytes: u64,
    evidence: Vec<Evidence>,
    commit: Option<Certificate>,
    late: Option<LatePrecommits>,
}

impl Frame {
    /// The contradictions that the block pays for.
    pub(super) fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// The header alone.
    pub(super) fn into_header(self) -> Header {
        self.header
    }

    fn of(block: &VerifiedBlock) -> Self {
        Self {
            header: block.header().clone(),
            transactions: u32::try_from(block.transactions().len()).unwrap_or(u32::MAX),
            bytes: u64::try_from(block.bytes().len()).unwrap_or(u64::MAX),
            evidence: block.evidence().to_vec(),
            commit: block.commit().cloned(),
            late: block.late().cloned(),
        }
    }

    /// The whole block again. The number of transactions must be the one that it had.
    pub(super) fn fill(
        self,
        certificate: Certificate,
        transactions: Vec<SignedTransaction>,
    ) -> Result<StoredBlock, String> {
        let Self { header, transactions: expected, bytes, evidence, commit, late } = self;
        if u32::try_from(transactions.len()) != Ok(expected) {
            return Err(format!("{} of its {expected} transactions are there", transactions.len()));
        }
        let hash = certificate.block;
        let bytes = usize::try_from(bytes).map_err(|_| "its length is no length")?;
        Ok(StoredBlock { block: Block { header, transactions, evidence, commit, late }, certificate, hash, bytes })
    }
}

/// Everything about the tip that is no account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TipRecord {
    pub(super) tip: Tip,
    pub(super) state_root: Hash32,
    /// The set that decided the tip: address and stake in micro-BCC.
    pub(super) validators: Vec<(Address, u64)>,
    pub(super) system: System,
}

impl TipRecord {
    pub(super) fn of(applied: &AppliedBlock) -> Self {
        let members = applied.validators().members().iter();
        Self {
            tip: *applied.tip(),
            state_root: applied.state_root(),
            validators: members.map(|member| (member.address, member.stake.0)).collect(),
            system: applied.system().clone(),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        seal(&codec::encode(self))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        codec::decode(unseal(bytes)?, TIP_BYTES_MAX).map_err(|refused| refused.to_string())
    }
}

/// Puts a checksum before a value.
pub(super) fn seal(value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(CRC_BYTES + value.len());
    sealed.extend_from_slice(&crc32fast::hash(value).to_be_bytes());
    sealed.extend_from_slice(value);
    sealed
}

/// The value behind its checksum.
pub(super) fn unseal(sealed: &[u8]) -> Result<&[u8], String> {
    let (crc, value) = split_crc(sealed)?;
    if crc32fast::hash(value) == crc { Ok(value) } else { Err("its checksum does not match".into()) }
}

/// Puts a checksum before a value that belongs to this place only.
pub(super) fn seal_at(height: Height, index: u32, value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(CRC_BYTES + value.len());
    sealed.extend_from_slice(&crc_at(height, index, value).to_be_bytes());
    sealed.extend_from_slice(value);
    sealed
}

/// The value behind its checksum, if it belongs to this place.
pub(super) fn unseal_at(height: Height, index: u32, sealed: &[u8]) -> Result<&[u8], String> {
    let (crc, value) = split_crc(sealed)?;
    if crc_at(height, index, value) == crc { Ok(value) } else { Err("the checksum of its rows does not match".into()) }
}

fn crc_at(height: Height, index: u32, value: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&height.0.to_be_bytes());
    crc.update(&index.to_be_bytes());
    crc.update(value);
    crc.finalize()
}

/// The record of a block.
pub(super) fn encode_block(certificate: &Certificate, block: &VerifiedBlock) -> Vec<u8> {
    let certificate = codec::encode(certificate);
    let mut record = vec![0; CRC_BYTES];
    let length = u32::try_from(certificate.len()).expect("certificates are at most 24 KiB");
    record.extend_from_slice(&length.to_be_bytes());
    record.extend_from_slice(&certificate);
    record.extend_from_slice(&codec::encode(&Frame::of(block)));
    let crc = block_crc(block.height(), &record[CRC_BYTES..]);
    record[..CRC_BYTES].copy_from_slice(&crc.to_be_bytes());
    record
}

/// The content of a record; the reason if anything does not fit.
pub(super) fn decode_block(height: Height, record: &[u8]) -> Result<(Frame, Certificate), String> {
    let (certificate, frame) = split_block(height, record)?;
    let certificate: Certificate =
        codec::decode(certificate, limits::CERTIFICATE_BYTES_MAX).map_err(|refused| refused.to_string())?;
    let frame: Frame = codec::decode(frame, FRAME_BYTES_MAX).map_err(|refused| refused.to_string())?;
    if frame.header.height != height || certificate.height != height {
        return Err(format!("it holds block {} and a certificate of {}", frame.header.height, certificate.height));
    }
    let hash = frame.header.hash();
    if certificate.block != hash {
        return Err(format!("its hash is {hash}, its certificate names {}", certificate.block));
    }
    Ok((frame, certificate))
}

/// Certificate and frame of a record whose checksum matches.
fn split_block(height: Height, record: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let (crc, rest) = split_crc(record)?;
    if block_crc(height, rest) != crc {
        return Err("its checksum does not match".into());
    }
    let (length, rest) = rest.split_at_checked(LENGTH_BYTES).ok_or("it is too short")?;
    let length = u32::from_be_bytes(length.try_into().expect("just split off"));
    let length = usize::try_from(length).map_err(|_| "its certificate is too long")?;
    rest.split_at_checked(length).ok_or_else(|| "its certificate is cut off".into())
}

fn split_crc(bytes: &[u8]) -> Result<(u32, &[u8]), String> {
    let (crc, rest) = bytes.split_at_checked(CRC_BYTES).ok_or("it is too short")?;
    Ok((u32::from_be_bytes(crc.try_into().expect("just split off")), rest))
}

/// Checksum of an index entry: what is found under a key was put there.
pub(super) fn position_crc(key: &[u8; 32], height: u64, index: u32) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(key);
    crc.update(&height.to_be_bytes());
    crc.update(&index.to_be_bytes());
    crc.finalize()
}

fn block_crc(height: Height, rest: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&height.0.to_be_bytes());
    crc.update(rest);
    crc.finalize()
}
