/**
 * Fields of config.json that every family may carry and that do not change what the network computes: training
 * settings, float types (weights are read in their own type), bookkeeping, and sampling settings (a proof states greedy
 * decoding, whatever the file suggests).
 */
export const IRRELEVANT: readonly string[] = [
  // bookkeeping
  ...words(`_name_or_path _commit_hash _attn_implementation_autoset transformers_version transformers.js_config
    torch_dtype dtype use_bfloat16 use_cache tf_legacy_loss torchscript return_dict output_attentions
    output_hidden_states unsloth_version unsloth_fixed`),
  // training
  ...words('initializer_range gradient_checkpointing'),
  // classification heads, which a causal language model does not have
  ...words('_num_labels num_labels id2label label2id problem_type finetuning_task task_specific_params'),
  // tokenizer
  ...words('pad_token_id sep_token_id decoder_start_token_id tokenizer_class prefix'),
  // sampling
  ...words(`do_sample temperature top_k top_p typical_p num_beams num_beam_groups diversity_penalty length_penalty
    early_stopping num_return_sequences max_length max_new_tokens output_scores return_dict_in_generate
    remove_invalid_values chunk_size_feed_forward`),
]

/** Fields that change the network or the choice of tokens, with the one value that we support. */
export const FORBIDDEN: { readonly [name: string]: unknown } = {
  quantization_config: null,
  compression_config: null,
  auto_map: null,
  adapters: null,
  is_encoder_decoder: false,
  is_decoder: false,
  add_cross_attention: false,
  cross_attention_hidden_size: null,
  tie_encoder_decoder: false,
  pruned_heads: {},
  sliding_window: null,
  use_sliding_window: false,
  // logits processors
  min_length: 0,
  repetition_penalty: 1,
  encoder_no_repeat_ngram_size: 0,
  no_repeat_ngram_size: 0,
  bad_words_ids: null,
  suppress_tokens: null,
  begin_suppress_tokens: null,
  forced_bos_token_id: null,
  forced_eos_token_id: null,
  exponential_decay_length_penalty: null,
}

/** Space-separated words. */
export function words(text: string): string[] {
  return text.split(/\s+/)
}
