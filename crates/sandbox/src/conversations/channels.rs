//! The ways by which a message goes, under the names that each part of GHL has for them.

use serde_json::{Value, json};

use crate::contacts::Contact;
use crate::reply::Reply;

/// One way.
pub(super) struct Channel {
    /// The `type` of a message that is sent or added.
    pub(super) name: &'static str,
    /// The `messageType` of a message that is read.
    pub(super) kind: &'static str,
    /// The `type` of a message that is read. Documented are 1 (call), 3 (e-mail) and 10 (voice mail), which are their
    /// places in the documented list of kinds; so the others have theirs.
    pub(super) number: u32,
    /// The `messageType` in events.
    pub(super) in_events: &'static str,
    /// What the contact's do-not-disturb settings call it.
    dnd: Option<&'static str>,
    /// The contact's field without which nothing can be sent.
    needs: Option<&'static str>,
}

const fn channel(name: &'static str, kind: &'static str, number: u32) -> Channel {
    Channel {
        name,
        kind,
        number,
        in_events: name,
        dnd: None,
        needs: None,
    }
}

const fn call(name: &'static str, kind: &'static str, number: u32) -> Channel {
    Channel {
        in_events: "CALL",
        dnd: Some("Call"),
        needs: Some("phone"),
        ..channel(name, kind, number)
    }
}

const CHANNELS: &[Channel] = &[
    Channel {
        dnd: Some("SMS"),
        needs: Some("phone"),
        ..channel("SMS", "TYPE_SMS", 2)
    },
    Channel {
        needs: Some("phone"),
        ..channel("RCS", "TYPE_RCS", 42)
    },
    Channel {
        dnd: Some("Email"),
        needs: Some("email"),
        ..channel("Email", "TYPE_EMAIL", 3)
    },
    Channel {
        dnd: Some("WhatsApp"),
        needs: Some("phone"),
        ..channel("WhatsApp", "TYPE_WHATSAPP", 19)
    },
    channel("IG", "TYPE_INSTAGRAM", 18),
    Channel {
        dnd: Some("FB"),
        ..channel("FB", "TYPE_FACEBOOK", 11)
    },
    Channel {
        dnd: Some("GMB"),
        ..channel("GMB", "TYPE_GMB", 15)
    },
    channel("Custom", "TYPE_CUSTOM_SMS", 20),
    channel("Live_Chat", "TYPE_LIVE_CHAT", 29),
    channel("WebChat", "TYPE_WEBCHAT", 5),
    channel("ALL_IN_ONE_CHAT", "TYPE_WEBCHAT", 5),
    channel("TIKTOK", "TYPE_TIKTOK", 37),
    channel("FORM_SUBMISSION", "TYPE_FORM_SUBMISSION", 40),
    call("Call", "TYPE_CALL", 1),
    call("IVR_Call", "TYPE_IVR_CALL", 24),
    call("Campaign_Call", "TYPE_CAMPAIGN_CALL", 8),
    Channel {
        in_events: "VoiceMail",
        ..call("Campaign_VoiceMail", "TYPE_CAMPAIGN_VOICEMAIL", 10)
    },
];

impl Channel {
    /// The channel of this name.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        CHANNELS.iter().find(|channel| channel.name == name)
    }

    /// Whether its messages are e-mails, whose bodies stand apart.
    pub(super) fn is_email(&self) -> bool {
        self.name == "Email"
    }

    /// Whether its messages are calls, which may have a recording.
    pub(super) fn is_call(&self) -> bool {
        self.dnd == Some("Call")
    }

    /// 400 where the contact can't be reached by it, or doesn't want to be.
    pub(super) fn check_reach(&self, contact: &Contact) -> Result<(), Reply> {
        if self.needs.is_some_and(|field| contact.text(field).is_none()) {
            return Err(Reply::bad_request(if self.is_email() {
                "Unable to send e-mail, contact's e-mail is invalid"
            } else {
                "Missing phone number"
            }));
        }
        let setting = |dnd: &str| {
            contact
                .fields
                .get("dndSettings")?
                .get(dnd)?
                .get("status")
                .cloned()
        };
        let by_channel = self.dnd.and_then(setting);
        let is_on = |status: &Value| *status == json!("active") || *status == json!("permanent");
        if contact.fields.get("dnd") == Some(&json!(true)) || by_channel.as_ref().is_some_and(is_on) {
            let name = self.name;
            return Err(Reply::bad_request(&format!(
                "Cannot send message as DND is active for {name}."
            )));
        }
        Ok(())
    }
}
