// SPDX-License-Identifier: Apache-2.0
// The answer to an OTLP request: whether all points were taken.  It comes from outside: every length is
// checked.
#include "pf-otlp.h"
#include <json-glib/json-glib.h>
#include <string.h>

typedef struct {
    const guint8 *at;
    const guint8 *end;
} cursor;

static gboolean take_varint(cursor *self, guint64 *ret_value) {
    guint64 value = 0;
    for (guint shift = 0; self->at < self->end && shift < 64; shift += 7) {
        guint8 byte = *self->at++;
        value |= (guint64)(byte & 127) << shift;
        if (byte < 128) {
            *ret_value = value;
            return TRUE;
        }
    }
    return FALSE;
}

// The next field; a number in *ret_value, or bytes in *ret_bytes.
static gboolean take_field(cursor *self, guint *ret_field, guint64 *ret_value, cursor *ret_bytes) {
    guint64 tag;
    *ret_bytes = (cursor){0};
    if (!take_varint(self, &tag)) {
        return FALSE;
    }
    *ret_field = (guint)(tag >> 3);
    guint wire = tag & 7;
    if (wire == 0) {
        return take_varint(self, ret_value);
    }
    if (wire == 2 && take_varint(self, ret_value) &&
        *ret_value <= (guint64)(self->end - self->at)) {
        *ret_bytes = (cursor){self->at, self->at + *ret_value};
        self->at += *ret_value;
        return TRUE;
    }
    gsize size = wire == 1 ? 8 : wire == 5 ? 4 : 0;
    if (size == 0 || (gsize)(self->end - self->at) < size) {
        return FALSE;
    }
    self->at += size;
    return TRUE;
}

static guint64 from_protobuf(const GString *answer, gchar **ret_message) {
    cursor whole = {(const guint8 *)answer->str, (const guint8 *)answer->str + answer->len};
    cursor inner;
    cursor bytes;
    guint field;
    guint64 value;
    guint64 rejected = 0;
    while (take_field(&whole, &field, &value, &inner)) {
        while (field == 1 && inner.at != NULL && take_field(&inner, &field, &value, &bytes)) {
            if (field == 1 && bytes.at == NULL) {
                rejected = value;
            } else if (field == 2 && bytes.at != NULL) {
                g_free(*ret_message);
                *ret_message =
                    g_utf8_make_valid((const gchar *)bytes.at, MIN(bytes.end - bytes.at, 200));
            }
            field = 1;
        }
    }
    return rejected;
}

static guint64 from_json(const GString *answer, gchar **ret_message) {
    g_autoptr(JsonParser) parser = json_parser_new();
    if (!json_parser_load_from_data(parser, answer->str, (gssize)answer->len, NULL)) {
        return 0;
    }
    JsonNode *root = json_parser_get_root(parser);
    JsonObject *object =
        root != NULL && JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
    JsonNode *node = object != NULL ? json_object_get_member(object, "partialSuccess") : NULL;
    if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node)) {
        return 0;
    }
    object = json_node_get_object(node);
    JsonNode *message = json_object_get_member(object, "errorMessage");
    JsonNode *count = json_object_get_member(object, "rejectedDataPoints");
    if (message != NULL && json_node_get_value_type(message) == G_TYPE_STRING) {
        *ret_message = g_strndup(json_node_get_string(message), 200);
    }
    if (count == NULL || !JSON_NODE_HOLDS_VALUE(count)) {
        return 0;
    }
    return json_node_get_value_type(count) == G_TYPE_STRING
               ? g_ascii_strtoull(json_node_get_string(count), NULL, 10)
               : (guint64)MAX(json_node_get_int(count), 0);
}

guint64 pf_otlp_rejected(const GString *answer, gboolean is_json, gchar **ret_message) {
    *ret_message = NULL;
    return is_json ? from_json(answer, ret_message) : from_protobuf(answer, ret_message);
}
