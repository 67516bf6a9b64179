//! The sound of a call, and what was said in it.

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_DISPOSITION;
use serde_json::{Value, json};

use super::MESSAGE;
use super::draft::hidden;
use crate::accounts::Scene;
use crate::documents::Document;
use crate::reply::{Body, Done, Reply};

/// Samples of eight bits in a second of sound.
const RATE: u32 = 8_000;
/// Seconds of sound at most, however long the call was.
const SOUND_S_MAX: u32 = 10;

/// GET /conversations/messages/{id}/locations/{location}/recording
pub(super) fn sound(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let message = message(scene, 1, 0)?;
    let seconds = hidden(&message, "soundS").and_then(Value::as_u64);
    let seconds = seconds.ok_or_else(|| Reply::not_found("Recording of message", &message.id))?;
    let seconds = u32::try_from(seconds).unwrap_or(SOUND_S_MAX).min(SOUND_S_MAX);
    Ok(file(
        silence(seconds),
        "audio/x-wav",
        "attachment; filename=audio.wav",
    ))
}

/// GET …/transcription: a list of sentences, of which the description shows one.
pub(super) fn sentences(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    Ok(Done::read(transcription(scene)?))
}

/// GET …/transcription/download: a sentence a line.
pub(super) fn text(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let sentences = transcription(scene)?;
    let lines = sentences.as_array().into_iter().flatten();
    let lines = lines.filter_map(|sentence| sentence["transcript"].as_str());
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    Ok(file(
        Bytes::from(text),
        "text/plain",
        "attachment; filename=\"transcription.txt\"",
    ))
}

fn transcription(scene: &Scene<'_>) -> Result<Value, Reply> {
    let message = message(scene, 0, 1)?;
    let sentences = hidden(&message, "sentences").cloned();
    sentences.ok_or_else(|| Reply::not_found("Transcription of message", &message.id))
}

/// The transcription of what was said, a second a word, callers in turn.
pub(super) fn transcribed(said: &[String]) -> Value {
    let mut start_ms = 0;
    let sentence = |(index, text): (usize, &String)| {
        let end_ms = start_ms + 1_000 * text.split_whitespace().count();
        let sentence = json!({
            "mediaChannel": index % 2 + 1,
            "sentenceIndex": index,
            "startTime": start_ms,
            "endTime": end_ms,
            "transcript": text,
            "confidence": 0.9,
        });
        start_ms = end_ms;
        sentence
    };
    said.iter().enumerate().map(sentence).collect()
}

/// The message and the location that the path names at these places.
fn message(scene: &Scene<'_>, location: usize, id: usize) -> Result<Document, Reply> {
    let location = scene.location(scene.param(location))?.id.clone();
    let message = scene.document(MESSAGE, "Message", scene.param(id))?;
    if message.location == location {
        Ok(message)
    } else {
        Err(Reply::wrong_location())
    }
}

/// So many seconds of silence, as a WAV file.
fn silence(seconds: u32) -> Bytes {
    let size = seconds * RATE;
    let mut bytes = Vec::new();
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(size + 36).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend_from_slice(&16_u32.to_le_bytes());
    // PCM, one channel; bytes a second, bytes a sample, bits a sample.
    bytes.extend_from_slice(&[1, 0, 1, 0]);
    bytes.extend_from_slice(&RATE.to_le_bytes());
    bytes.extend_from_slice(&RATE.to_le_bytes());
    bytes.extend_from_slice(&[1, 0, 8, 0]);
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&size.to_le_bytes());
    let sound = std::iter::repeat_n(0x80, usize::try_from(size).unwrap_or_default());
    bytes.extend(sound);
    Bytes::from(bytes)
}

fn file(bytes: Bytes, content_type: &'static str, disposition: &'static str) -> Done {
    let headers = vec![(CONTENT_DISPOSITION, HeaderValue::from_static(disposition))];
    Done {
        reply: Reply {
            status: 200,
            body: Body::File(bytes, content_type),
            headers,
        },
        effect: None,
    }
}
