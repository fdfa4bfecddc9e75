"""Golden renderings of chat templates, by transformers. The templates are written here in the shapes that are in use: ChatML, headers
(Llama 3), [INST] (Llama 2, Mistral), tags (Zephyr), turns (Gemma), with their trimming, loops, filters, macros and refusals.
With the GGUF of SmolLM2 as argument it writes chatTemplate/smollm2.json with that model's own template.

Run: python chatTemplate.py [SmolLM2-135M-Instruct.Q4_1.gguf]      (versions: requirements.txt)
"""
import json
import sys
from pathlib import Path

from transformers.utils.chat_template_utils import render_jinja_template

OUT = Path(__file__).parent / "chatTemplate"
SPECIALS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}

TEMPLATES = {
    "chatml": "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "default system": """{%- if messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content'] %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set system = 'Be brief.' %}
    {%- set rest = messages %}
{%- endif %}
{{- '<|system|>' + system | trim + '\\n' }}
{%- for message in rest %}
    {{- '<|' + message.role + '|>' }}
    {{- message.content }}
    {%- if not loop.last %}{{ '\\n' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>' }}
{%- endif %}
""",
    "trimmed blocks": """{% for message in messages %}
  {% if message['role'] == 'user' %}
Human: {{ message['content'] }}
  {% elif message['role'] == 'assistant' %}
Assistant: {{ message['content'] }}{{ eos_token }}
  {% else %}
({{ message['content'] | upper }})
  {% endif %}
{% endfor %}
{% if add_generation_prompt %}
Assistant:
{% endif %}
""",
    "inst": """{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set loop_messages = messages[1:] %}
    {%- set system_message = messages[0]['content'] %}
{%- else %}
    {%- set loop_messages = messages %}
    {%- set system_message = false %}
{%- endif %}
{%- for message in loop_messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {%- endif %}
    {%- if loop.index0 == 0 and system_message != false %}
        {%- set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}
    {%- else %}
        {%- set content = message['content'] %}
    {%- endif %}
    {%- if message['role'] == 'user' %}
        {{- '[INST] ' + content.strip() + ' [/INST]' }}
    {%- elif message['role'] == 'assistant' %}
        {{- ' ' + content.strip() + ' ' + eos_token }}
    {%- endif %}
{%- endfor %}
""",
    "headers": """{{- bos_token }}
{%- if tools is not none %}
    {{- 'TOOLS' }}
{%- endif %}
{%- for message in messages %}
    {%- set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' %}
    {{- content }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
    "macro and namespace": """{%- macro turn(role, text) -%}
<{{ role }}>{{ text | tojson }}</{{ role }}>
{%- endmacro %}
{%- set state = namespace(count=0, seen='') %}
{%- for message in messages %}
    {%- if message.role in ['user', 'assistant'] and message.content is string and message.content | length > 0 %}
        {%- set state.count = state.count + 1 %}
        {%- set state.seen = state.seen ~ message.role[0] %}
        {{- turn(message.role, message.content) }}
    {%- endif %}
{%- endfor %}
{{- '#%d %s' % (state.count, state.seen) if false else '#' ~ state.count ~ ' ' ~ state.seen }}
{%- for i in range(2) %}.{% endfor %}
{%- for i in range(1, 6, 2) %}{{ i }}{% endfor %}
""",
    "turns": """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}""",
    "line breaks of Windows": "{%- for m in messages %}\r\n<|{{ m.role }}|>\r\n{{ m.content }}\r\n{%- endfor %}\r\n{%- if add_generation_prompt %}\r\n<|assistant|>\r\n{%- endif %}\r\n",
    "plus signs": """  {%+ for m in messages +%}
  {# a note #}
  {%+ if m.role == 'user' %}
[{{ m.content }}]
   {#- another -#}
  {% else +%}
({{- m.content -}} )
  {%- endif +%}

  {%+ endfor %}
{{ "%} {# }} in a text" }}{{ {'a': {'b': 1}}['a']['b'] }}
""",
    "date and generation": """{%- set today = strftime_now("%Y-%m-%d") -%}
{{ '<s>Date: ' ~ today[:2] ~ '\\n' }}
{%- for m in messages -%}
  {%- if m.role == 'assistant' -%}
    {% generation %}{{ m.content }}{% endgeneration %}
  {%- else -%}
    {{ '<|user|>' + m.content.replace('/think','').rstrip() + '\\n' }}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|assistant|>\\n' }}{%- endif -%}
""",
    "earlier thoughts cut": """{%- for m in messages %}
    {%- set c = m.content %}
    {%- if m.role == 'assistant' and '</think>' in c and not loop.last %}
        {%- set c = c.split('</think>')[-1].lstrip('\\n') %}
    {%- endif %}
    {{- '<|' + m.role + '|>' + c + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>' }}
{%- endif %}
""",
    "raw blocks": """{%- raw %} {{ a }}{% endraw -%}
{ {%- if true %}x{% endif %}{ {%- raw -%}  {% if %}
  {%+ endraw +%}
{{ "-%} }} {#" ~ '\\x41\\u00e9\\101\\d\\a' }}
{%- for m in messages %}{# {{ #}{ {{- m.content }}{ {%- endfor %}
""",
    "printed values": """{{ true }} {{ none }} {{ 1.0 }} {{ x }}|{{ 'a' ~ none ~ false ~ 2.0 ~ x }} {{ [1, 'a', none, 1.5] }} {{ {'k': "it's"} }} {{ (1, 'b') }}
{{ 1 == 1.0 }} {{ '1' == 1 }} {{ [1, 2] == [1, 2] }} {{ x == none }} {{ {'a': [1]} != {'a': [1]} }} {{ add_generation_prompt }} {{ true | string }} {{ [false] | string }}
""",
    "loops broken off": """{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}stop{% break %}{% endif %}{{ m.content }}{% endfor %}
{% for m in messages %}({% if loop.index is odd %}odd{% continue %}{% endif %}){{ loop.index }}{% endfor %}
""",
    "set in a loop": """{% set said = 'none' %}{% for m in messages %}[{{ said }}]{% if loop.first %}{% set said = m.content %}{% set once = 'once' %}{% endif %}{{ said }} {{ once }}
{% endfor %}{{ said }}{{ once }}
""",
}

U, A, S = "user", "assistant", "system"
CONVERSATIONS = {
    "one turn": [(U, "Hello")],
    "three turns": [(U, "Hello"), (A, "Hi! How are you?"), (U, "Fine.")],
    "with system": [(S, "You count boats."), (U, "How many?"), (A, "Three.")],
    "spaces and newlines": [(U, "  two  \n\n spaces\t\n"), (A, "\n"), (U, " ")],
    "empty": [(U, ""), (A, "")],
    "looks like a template": [(U, "{{ bos_token }} {% if x %} {# note #} <|im_end|> </s> \\n {{"), (A, "}} %}")],
    "unicode": [(U, "東京 👍🏽 é \u00a0 \u2028 '\"<&>"), (A, "שלום")],
    "two users": [(U, "one"), (U, "two")],
    "assistant first": [(A, "one"), (U, "two")],
    "thoughts": [(U, "Hello"), (A, "<think>\nwhat?\n</think>\n\nHi!"), (U, "More."), (A, "<think>again</think>Yes.")],
}


def render(template, conversation, generation):
    messages = [{"role": role, "content": content} for role, content in conversation]
    try:
        rendered, _ = render_jinja_template(conversations=[messages], chat_template=template, add_generation_prompt=generation, **SPECIALS)
        return rendered[0]
    except Exception:  # a template may refuse
        return None


def expectations(template):
    return {name: [render(template, conversation, generation) for generation in (False, True)] for name, conversation in CONVERSATIONS.items()}


def write(name, value):
    OUT.mkdir(exist_ok=True)
    (OUT / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def main():
    conversations = {name: [{"role": r, "content": c} for r, c in turns] for name, turns in CONVERSATIONS.items()}
    if len(sys.argv) > 1:
        from gguf import GGUFReader

        template = GGUFReader(sys.argv[1]).fields["tokenizer.chat_template"].contents()
        write("smollm2.json", {"conversations": conversations, "expected": expectations(template)})
        return
    templates = {name: {"source": source, "expected": expectations(source)} for name, source in TEMPLATES.items()}
    write("expected.json", {"conversations": conversations, "templates": templates})


if __name__ == "__main__":
    main()
